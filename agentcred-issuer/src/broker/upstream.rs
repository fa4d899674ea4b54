//! The upstream request: what was cleared, with the real key put in last.

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::scrub::Scrubber;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::recorded::Recorded;
use crate::audit::{Again, Outcome};
use crate::connection::Connection;
use crate::inject::Keys;
use crate::refused::Refused;
use crate::vault::Vault;

/// A request that holds the real keys. It can be sent, and nothing else.
#[must_use = "it holds a real key"]
pub(super) struct UpstreamRequest {
    recorded: Recorded,
    keys: Keys,
    /// Takes the keys, and a signature, out of what comes back.
    scrubber: Scrubber,
    request: Request<Bytes>,
}

impl UpstreamRequest {
    pub(super) fn with_keys(
        recorded: Recorded,
        keys: Keys,
        now: UnixTime,
    ) -> Result<Self, Refused> {
        match build(&recorded, &keys, now) {
            Ok((request, scrubber)) => Ok(Self { recorded, keys, scrubber, request }),
            Err(reason) => {
                let call = recorded.cleared().redemption().call();
                Err(Refused::unavailable(reason).about(call))
            }
        }
    }

    /// Sends the request. When the upstream refuses the key and there is a newer one, a request
    /// that changes nothing is sent once more with that.
    pub(super) async fn send(self, vault: &Vault) -> Result<Answer, Refused> {
        let deadline = Instant::now() + vault.limits.upstream_time;
        let response = self.exchange(vault, deadline).await?;
        let is_safe = self.recorded.cleared().method().is_safe();
        if response.status() != StatusCode::UNAUTHORIZED || !is_safe {
            return self.answer(vault, response, deadline);
        }
        let Some(keys) = self.recorded.newer_keys(vault, &self.keys).await else {
            return self.answer(vault, response, deadline);
        };
        drop(response);
        let recorded = self.recorded.again(vault, Again::NewKey).await?;
        let again = Self::with_keys(recorded, keys, vault.now())?;
        let response = again.exchange(vault, deadline).await?;
        again.answer(vault, response, deadline)
    }

    fn answer(
        &self,
        vault: &Vault,
        response: Response<Incoming>,
        deadline: Instant,
    ) -> Result<Answer, Refused> {
        let limit = vault.limits.response_body;
        Answer::of(&self.recorded, &self.scrubber, response, deadline, limit)
    }

    /// One request and its answer, over a connection of its own, so that nothing of one caller's
    /// request can run into another's.
    async fn exchange(
        &self,
        vault: &Vault,
        deadline: Instant,
    ) -> Result<Response<Incoming>, Refused> {
        let recorded = &self.recorded;
        let destination = &recorded.cleared().service().destination;
        let opening = Connection::open(destination, &*vault.resolver);
        let mut connection = match timeout_at(deadline, opening).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                let service = &recorded.cleared().service().name;
                tracing::warn!(%service, %error, "the upstream cannot be reached");
                return Err(recorded.give_back(vault, Outcome::Unreachable, error.reason()).await);
            }
            Err(_) => {
                let outcome = Outcome::Unreachable;
                return Err(recorded.give_back(vault, outcome, "upstream_connect_timeout").await);
            }
        };
        let lost = match timeout_at(deadline, connection.send(self.request.clone())).await {
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                recorded.finish(vault, Outcome::Answered { status }).await?;
                return Ok(response);
            }
            Ok(Err(_)) => "upstream_broke_off",
            Err(_) => "upstream_timeout",
        };
        recorded.finish(vault, Outcome::Lost).await?;
        Err(Refused::unavailable(lost).about(recorded.cleared().redemption().call()))
    }
}

fn build(
    recorded: &Recorded,
    keys: &Keys,
    now: UnixTime,
) -> Result<(Request<Bytes>, Scrubber), &'static str> {
    let cleared = recorded.cleared();
    let service = cleared.service();
    let mut request = Request::new(cleared.body());
    *request.method_mut() =
        Method::from_bytes(cleared.method().as_str().as_bytes()).map_err(|_| "method")?;
    *request.uri_mut() = Uri::from(cleared.target().sent().clone());
    let headers = request.headers_mut();
    *headers = cleared.headers().clone();
    let host = service.destination.origin.host_header();
    headers.insert(header::HOST, host.map_err(|_| "host")?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    // Last, and by `insert`: whatever was there, the keys are the only values now.
    let signature = service.inject.put(&mut request, keys, now);
    let signature = signature.map_err(|_| "secret_fits_no_header")?;
    Ok((request, keys.scrubber_with(signature.as_ref())))
}

const USER_AGENT: &str = concat!("agentcred-issuer/", env!("CARGO_PKG_VERSION"));
