//! Clearance: method, path, query, headers and body are inside the nonce's scope.

use std::sync::Arc;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::ServiceName;
use agentcred_protocol::refusal::RefusalCode;
use bytes::Bytes;
use http::header::HeaderMap;
use http::request::Parts;
use hyper::body::Incoming;

use super::payload::{Asked, Payload};
use super::redemption::Redemption;
use super::split_service;
use crate::bounds::Bounds;
use crate::headers::passed_on;
use crate::outgoing::{Passing, Progress};
use crate::policy::Policy;
use crate::projection::Projection;
use crate::refused::Refused;
use crate::rules::{Method, Rule};
use crate::service::Service;
use crate::target::Target;
use crate::vault::Vault;

/// A request that its nonce allows, holding exactly what will be sent and nothing else of what
/// the caller wrote. Whatever is refused on the way here has spent its use: it is evidence of
/// misuse.
#[must_use = "a cleared request should go on"]
pub(super) struct Cleared {
    redemption: Redemption,
    service: Arc<Service>,
    method: Method,
    target: Target,
    headers: HeaderMap,
    payload: Payload,
    fields: Option<Projection>,
    bounds: Bounds,
}

impl Cleared {
    pub(super) async fn of(
        vault: &Vault,
        redemption: Redemption,
        head: &Parts,
        body: Incoming,
    ) -> Result<Self, Refused> {
        let policy = vault.policy.load_full();
        let line = Line::of(&policy, &redemption, head, vault.now());
        let Line { service, method, target, rules } =
            line.map_err(|it| it.about(redemption.call()))?;
        let about = |refused: Refused| refused.about(redemption.call());
        let headers = passed_on(&head.headers, &service.request_headers).map_err(about)?;
        let asked = Asked { service, method, headers: &headers };
        let (payload, rule) =
            Payload::of(&asked, &rules, body, &vault.limits).await.map_err(about)?;
        let (fields, bounds) = (rule.fields().cloned(), *rule.bounds());
        let service = Arc::clone(service);
        Ok(Self { redemption, service, method, target, headers, payload, fields, bounds })
    }

    pub(super) fn redemption(&self) -> &Redemption {
        &self.redemption
    }

    pub(super) fn service(&self) -> &Service {
        &self.service
    }

    pub(super) fn method(&self) -> Method {
        self.method
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What comes back of a JSON answer; none where all of it does.
    pub(super) fn fields(&self) -> Option<&Projection> {
        self.fields.as_ref()
    }

    /// How large and how long request and answer may be.
    pub(super) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Whether to ask twice does no harm and is possible: the same request, byte for byte.
    pub(super) fn is_repeatable(&self) -> bool {
        self.method.is_safe() && matches!(self.payload, Payload::Whole(_))
    }

    /// The body, as far as it is there.
    pub(super) fn body(&self) -> Bytes {
        match &self.payload {
            Payload::Whole(body) => body.clone(),
            Payload::Passing(_) => Bytes::new(),
        }
    }

    /// The body that is passed on while it arrives, if it is. Once.
    pub(super) fn take_passing(&mut self) -> Option<(Passing, Progress)> {
        match &mut self.payload {
            Payload::Whole(_) => None,
            Payload::Passing(passing) => passing.take(),
        }
    }
}

/// A request line that is inside the scope, and the rules that allow it.
struct Line<'p> {
    service: &'p Arc<Service>,
    method: Method,
    target: Target,
    rules: Vec<&'p Rule>,
}

impl<'p> Line<'p> {
    fn of(
        policy: &'p Policy,
        redemption: &Redemption,
        head: &Parts,
        now: UnixTime,
    ) -> Result<Self, Refused> {
        let outside = |reason| Refused::new(RefusalCode::InsufficientScope, reason);
        let call = redemption.call();
        let (name, path) =
            split_service(head.uri.path()).ok_or_else(|| outside("malformed_path"))?;
        let service = Some(name)
            .filter(|name| ServiceName::new(*name).is_ok_and(|name| name == call.service))
            .and_then(|name| policy.service(name))
            .ok_or_else(|| Refused::new(RefusalCode::InvalidTarget, "nonce_of_another_service"))?;
        if !policy.still_grants(call, now) {
            return Err(outside("granted_no_more"));
        }
        let method =
            Method::read(head.method.as_str()).ok_or_else(|| outside("method_not_allowed"))?;
        let target = Target::read(path, head.uri.query())
            .map_err(|it| Refused::new(it.code(), it.reason()))?;
        let rules = service.rules_for(&call.scope, method, &target);
        if rules.is_empty() {
            return Err(outside("no_rule_allows_it"));
        }
        Ok(Self { service, method, target, rules })
    }
}
