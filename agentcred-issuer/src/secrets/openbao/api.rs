//! The parts of the server's HTTP API that are used, and what its statuses mean.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use zeroize::Zeroizing;

use super::answers::{LookedUp, Read, Token};
use super::{Failure, OpenBaoConfig};
use crate::resolver::Resolver;
use crate::secrets::failure::ask_in_time;
use crate::secrets::{Secret, Unavailable};
use crate::service::Destination;

pub(super) struct Api {
    destination: Destination,
    namespace: Option<HeaderValue>,
    timeout: Duration,
    resolver: Arc<dyn Resolver>,
}

impl Api {
    pub(super) fn new(config: &OpenBaoConfig, resolver: Arc<dyn Resolver>) -> Self {
        Self {
            destination: config.destination.clone(),
            namespace: config.namespace.clone(),
            timeout: config.timeout,
            resolver,
        }
    }

    /// A field of the newest version of a secret.
    pub(super) async fn read(
        &self,
        address: &str,
        field: &str,
        token: &Secret,
    ) -> Result<Secret, Failure> {
        let answer = self.ask(Method::GET, address, Some(token), Bytes::new()).await?;
        Read::of(&answer)?.field(field)
    }

    /// A token for what a login method wants to see.
    pub(super) async fn log_in(&self, mount: &str, body: Bytes) -> Result<Token, Failure> {
        let address = format!("/v1/auth/{mount}/login");
        let answer = self.ask(Method::POST, &address, None, body).await.map_err(of_login)?;
        Token::of(&answer)
    }

    /// The same token, for longer.
    pub(super) async fn renew(&self, token: &Secret) -> Result<Token, Failure> {
        let (address, body) = ("/v1/auth/token/renew-self", Bytes::from_static(b"{}"));
        let answer = self.ask(Method::POST, address, Some(token), body).await.map_err(of_login)?;
        Token::of(&answer)
    }

    /// How long a token that was given to this issuer lives.
    pub(super) async fn look_up(&self, token: &Secret) -> Result<LookedUp, Failure> {
        let address = "/v1/auth/token/lookup-self";
        let asked = self.ask(Method::GET, address, Some(token), Bytes::new()).await;
        LookedUp::of(&asked.map_err(of_login)?)
    }

    async fn ask(
        &self,
        method: Method,
        address: &str,
        token: Option<&Secret>,
        body: Bytes,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut question = Request::new(body);
        *question.method_mut() = method;
        *question.uri_mut() = Uri::try_from(address).map_err(|_| Failure::Missing)?;
        let headers = question.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        // Servers may be set to refuse what a browser or a proxy could be talked into sending.
        headers.insert(REQUEST, HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            headers.insert(NAMESPACE, namespace.clone());
        }
        if let Some(token) = token {
            headers.insert(TOKEN, token.header_value("", "").map_err(Failure::Unusable)?);
        }
        let answer =
            ask_in_time(&self.destination, &*self.resolver, question, self.timeout).await?;
        // The body of an error is not looked at: it may hold anything.
        Err(match answer.status() {
            StatusCode::OK => return Ok(answer.into_body()),
            StatusCode::NOT_FOUND => Failure::Missing,
            StatusCode::TOO_MANY_REQUESTS => Failure::Unavailable(Unavailable::Busy),
            StatusCode::SERVICE_UNAVAILABLE => Failure::Unavailable(Unavailable::Sealed),
            status if status.is_client_error() => Failure::Refused(status),
            status => Failure::Unavailable(Unavailable::Faulty(status)),
        })
    }
}

/// What is refused is the login itself; one that is mounted nowhere is not found.
fn of_login(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(status) => Failure::LoginRefused(status),
        Failure::Missing => Failure::LoginRefused(StatusCode::NOT_FOUND),
        other => other,
    }
}

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
