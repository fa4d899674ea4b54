//! The nonce in a tool's hands: a handle that talks to the broker and nowhere else.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::names::NonceId;
use http::Method;
use tokio::time::Instant;

use crate::live::LiveNonce;
use crate::request::RequestBuilder;

/// The credential of one tool call: for one service, one scope, a few minutes.
///
/// A tool gets it as a parameter and makes its upstream requests with it. Paths are those of
/// the service's API; the broker adds host and key.
///
/// ```no_run
/// # use agentcred_runtime::{Nonce, RequestError};
/// # #[derive(serde::Deserialize)] struct Customer { id: String }
/// async fn customer(stripe: &Nonce, id: &str) -> Result<Customer, RequestError> {
///     stripe.get(format!("/v1/customers/{id}")).fetch().await
/// }
/// ```
///
/// # Security
/// It is a handle and not a string: there is no way to print, copy, serialise or compare the
/// credential behind it. It is revoked when the call that it was minted for ends, whatever
/// became of the handle.
#[must_use = "a nonce was minted for a request; drop it and it is revoked"]
pub struct Nonce {
    live: Arc<LiveNonce>,
}

impl Nonce {
    pub(crate) fn new(live: Arc<LiveNonce>) -> Self {
        Self { live }
    }

    /// The nonce's public name, by which the audit knows it.
    pub fn id(&self) -> &NonceId {
        &self.live.id
    }

    /// The service that it is for.
    pub fn service(&self) -> &str {
        self.live.service.as_str()
    }

    /// What it is good for, as `read:customers`.
    pub fn scope(&self) -> String {
        self.live.scope.to_string()
    }

    /// How much longer it lives.
    pub fn expires_in(&self) -> Duration {
        self.live.expires.saturating_duration_since(Instant::now())
    }

    /// How many upstream requests it allows in all.
    pub fn uses(&self) -> u32 {
        self.live.uses.count()
    }

    /// How many more upstream requests it allows.
    pub fn uses_left(&self) -> u32 {
        self.live.uses_left()
    }

    /// Starts a `GET` request to a path of the service, as `/v1/customers`.
    pub fn get(&self, path: impl Into<String>) -> RequestBuilder<'_> {
        self.request(Method::GET, path)
    }

    /// Starts a `POST` request.
    pub fn post(&self, path: impl Into<String>) -> RequestBuilder<'_> {
        self.request(Method::POST, path)
    }

    /// Starts a `PUT` request.
    pub fn put(&self, path: impl Into<String>) -> RequestBuilder<'_> {
        self.request(Method::PUT, path)
    }

    /// Starts a `PATCH` request.
    pub fn patch(&self, path: impl Into<String>) -> RequestBuilder<'_> {
        self.request(Method::PATCH, path)
    }

    /// Starts a `DELETE` request.
    pub fn delete(&self, path: impl Into<String>) -> RequestBuilder<'_> {
        self.request(Method::DELETE, path)
    }

    /// Starts a request with any method.
    pub fn request(&self, method: Method, path: impl Into<String>) -> RequestBuilder<'_> {
        RequestBuilder::new(&self.live, method, path.into())
    }
}

impl Drop for Nonce {
    fn drop(&mut self) {
        Arc::clone(&self.live).end_in_background();
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonce")
            .field("service", &self.service())
            .field("scope", &self.scope())
            .field("expires_in", &self.expires_in())
            .finish_non_exhaustive()
    }
}
