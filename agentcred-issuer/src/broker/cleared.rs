//! Clearance: method, path, query, headers and body are inside the nonce's scope.

use std::sync::Arc;

use agentcred_protocol::names::ServiceName;
use agentcred_protocol::refusal::RefusalCode;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::redemption::Redemption;
use super::split_service;
use crate::headers::passed_on;
use crate::method_override::holds_override;
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
#[derive(Debug)]
#[must_use = "a cleared request should go on"]
pub(super) struct Cleared {
    redemption: Redemption,
    service: Arc<Service>,
    method: Method,
    target: Target,
    headers: HeaderMap,
    body: Bytes,
    fields: Option<Projection>,
}

impl Cleared {
    pub(super) async fn of(
        vault: &Vault,
        redemption: Redemption,
        head: &Parts,
        body: Incoming,
    ) -> Result<Self, Refused> {
        let policy = vault.policy.load_full();
        let line = Line::of(&policy, &redemption, head);
        let Line { service, method, target, rules } =
            line.map_err(|it| it.about(redemption.call()))?;
        let about = |refused: Refused| refused.about(redemption.call());
        let headers = passed_on(&head.headers, &service.request_headers).map_err(about)?;
        let body = read_body(vault, method, body).await.map_err(about)?;
        if holds_override(headers.get(header::CONTENT_TYPE), &body) {
            let refused = Refused::new(RefusalCode::MethodOverride, "method_override_body");
            return Err(about(refused));
        }
        let rule = allowing(&rules, &headers, &body).map_err(about)?;
        let fields = rule.fields().cloned();
        Ok(Self { service: Arc::clone(service), redemption, method, target, headers, body, fields })
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

    pub(super) fn body(&self) -> Bytes {
        self.body.clone()
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
    fn of(policy: &'p Policy, redemption: &Redemption, head: &Parts) -> Result<Self, Refused> {
        let outside = |reason| Refused::new(RefusalCode::InsufficientScope, reason);
        let call = redemption.call();
        let (name, path) =
            split_service(head.uri.path()).ok_or_else(|| outside("malformed_path"))?;
        let service = Some(name)
            .filter(|name| ServiceName::new(*name).is_ok_and(|name| name == call.service))
            .and_then(|name| policy.service(name))
            .ok_or_else(|| Refused::new(RefusalCode::InvalidTarget, "nonce_of_another_service"))?;
        if !policy.still_grants(call) {
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

/// One rule has to allow all of the request; of several, one that lets less of the answer back.
/// When none does, the first one's reason is told.
fn allowing<'r>(rules: &[&'r Rule], headers: &HeaderMap, body: &[u8]) -> Result<&'r Rule, Refused> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let mut allowing = Vec::new();
    let mut reason = None;
    for rule in rules {
        match rule.check_body(content_type, body) {
            Ok(()) => allowing.push(*rule),
            Err(refused) => drop(reason.get_or_insert(refused.reason())),
        }
    }
    let narrow = allowing.iter().find(|rule| rule.fields().is_some());
    narrow.or(allowing.first()).copied().ok_or_else(|| {
        Refused::new(RefusalCode::InsufficientScope, reason.unwrap_or("no_rule_allows_it"))
    })
}

async fn read_body(vault: &Vault, method: Method, body: Incoming) -> Result<Bytes, Refused> {
    let refuse = |reason| Refused::new(RefusalCode::InvalidRequest, reason);
    let limits = &vault.limits;
    let reading = Limited::new(body, limits.request_body).collect();
    let body = tokio::time::timeout(limits.request_time, reading)
        .await
        .map_err(|_| refuse("body_too_slow"))?
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => refuse("body_too_large"),
            None => refuse("body_incomplete"),
        })?
        .to_bytes();
    if !body.is_empty() && !method.takes_body() {
        return Err(refuse("body_on_a_method_without_one"));
    }
    Ok(body)
}
