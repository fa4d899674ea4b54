//! A door for the fuzz targets: the checks of the broker without its network.
//!
//! It is there with `--cfg fuzzing` alone, which no build for a user has.

#![allow(missing_docs, clippy::missing_errors_doc, reason = "for this repository's own targets")]

use std::sync::Arc;

use agentcred_protocol::scope::Scope;
use agentcred_protocol::scrub::Scrubber;
use http::{HeaderMap, HeaderValue};

use crate::config::Config;
use crate::headers::{passed_back, passed_on};
use crate::rules::Method;
use crate::service::Service;
use crate::target::Target;

pub use crate::framing::reads_as_heads;

/// What stands between a nonce of one scope and its service.
pub struct Gate {
    service: Arc<Service>,
    scope: Scope,
}

impl Gate {
    pub fn of(config: &Config, service: &str, scope: &str) -> Option<Self> {
        let service = Arc::clone(config.policy.service(service)?);
        Some(Self { service, scope: Scope::new(scope).ok()? })
    }

    /// What is sent, when the request line passes.
    pub fn line(&self, method: &str, path: &str, query: Option<&str>) -> Option<String> {
        let target = Target::read(path, query).ok()?;
        let rules = self.service.rules_for(&self.scope, Method::read(method)?, &target);
        (!rules.is_empty()).then(|| target.sent().to_string())
    }

    /// Whether a body passes, of a request whose line does.
    pub fn body(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Option<bool> {
        let target = Target::read(path, None).ok()?;
        let rules = self.service.rules_for(&self.scope, Method::read(method)?, &target);
        let media_type = HeaderValue::from_str(media_type).ok()?;
        Some(rules.iter().any(|rule| rule.check_body(Some(&media_type), body).is_ok()))
    }

    /// The headers that go on, when they pass.
    pub fn headers(&self, received: &HeaderMap) -> Option<HeaderMap> {
        passed_on(received, &self.service.request_headers).ok()
    }

    /// The headers that come back, if any do.
    pub fn answer_headers(&self, received: &HeaderMap, secret: &Scrubber) -> Option<HeaderMap> {
        passed_back(received, &self.service.response_headers, [secret, secret])
    }
}
