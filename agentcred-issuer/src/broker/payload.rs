//! The payload: what of a request follows its head, and which rule allows it.
//!
//! A body that is small enough is read whole, looked at, and only then does anything leave. A
//! larger one is passed on while it arrives, where a rule says so and nothing in it has to be
//! known before.

use agentcred_protocol::refusal::RefusalCode;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use crate::limits::Limits;
use crate::method_override::{Fields, holds_override};
use crate::outgoing::{Passing, Progress};
use crate::refused::Refused;
use crate::rules::{Method, Rule};
use crate::service::Service;

/// What a request brings.
pub(super) enum Payload {
    /// All of it, which may be nothing.
    Whole(Bytes),
    /// What is still to come, until it is sent.
    Passing(Option<(Passing, Progress)>),
}

/// What is known of a request before its body.
pub(super) struct Asked<'a> {
    pub(super) service: &'a Service,
    pub(super) method: Method,
    pub(super) headers: &'a HeaderMap,
}

impl Payload {
    /// Takes a body by one of the rules that allow its request otherwise.
    pub(super) async fn of<'r>(
        asked: &Asked<'_>,
        rules: &[&'r Rule],
        body: Incoming,
        limits: &Limits,
    ) -> Result<(Self, &'r Rule), Refused> {
        // Every request says how long its body is: chunked ones are refused before.
        let length = body.size_hint().exact().ok_or_else(|| malformed("body_incomplete"))?;
        if length > 0 && !asked.method.takes_body() {
            return Err(malformed("body_on_a_method_without_one"));
        }
        let mut rules = rules.to_vec();
        rules.retain(|rule| length <= rule.bounds().request_body(limits));
        if length <= limits.request_body as u64 && !rules.is_empty() {
            let whole = read(body, length, limits).await?;
            if holds_override(asked.headers.get(header::CONTENT_TYPE), &whole) {
                return Err(Refused::new(RefusalCode::MethodOverride, "method_override_body"));
            }
            let rule = allowing(&rules, asked.headers, &whole)?;
            return Ok((Self::Whole(whole), rule));
        }
        rules.retain(|rule| !rule.limits_body());
        let rule = narrowest(&rules).ok_or_else(|| too_large("body_too_large"))?;
        if asked.service.inject.sign() {
            return Err(too_large("large_body_to_sign"));
        }
        let lines = match Fields::of(asked.headers.get(header::CONTENT_TYPE)) {
            Fields::Anywhere => return Err(too_large("large_body_of_fields")),
            Fields::Lines(lines) => Some(lines),
            Fields::Nowhere => None,
        };
        Ok((Self::Passing(Some(Passing::new(body, length, lines))), rule))
    }
}

/// One rule has to allow all of the request. When none does, the first one's reason is told.
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
    narrowest(&allowing).ok_or_else(|| {
        Refused::new(RefusalCode::InsufficientScope, reason.unwrap_or("no_rule_allows_it"))
    })
}

/// Of several rules, one that lets less of the answer back.
fn narrowest<'r>(rules: &[&'r Rule]) -> Option<&'r Rule> {
    rules.iter().find(|rule| rule.fields().is_some()).or(rules.first()).copied()
}

async fn read(body: Incoming, length: u64, limits: &Limits) -> Result<Bytes, Refused> {
    let body = tokio::time::timeout(limits.request_time, body.collect())
        .await
        .map_err(|_| malformed("body_too_slow"))?
        .map_err(|_| malformed("body_incomplete"))?
        .to_bytes();
    // A connection that is dropped ends a body as if that were all of it.
    if body.len() as u64 == length { Ok(body) } else { Err(malformed("body_incomplete")) }
}

fn malformed(reason: &'static str) -> Refused {
    Refused::new(RefusalCode::InvalidRequest, reason)
}

fn too_large(reason: &'static str) -> Refused {
    Refused::new(RefusalCode::ContentTooLarge, reason)
}
