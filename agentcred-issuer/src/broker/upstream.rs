//! The upstream request: what was cleared, with the real key put in last.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::dial::{Stream, dial};
use super::recorded::Recorded;
use crate::audit::Outcome;
use crate::refused::Refused;
use crate::secrets::Secret;
use crate::vault::Vault;

/// A request that holds the real key. It can be sent, once, and nothing else.
#[must_use = "it holds a real key"]
pub(super) struct UpstreamRequest {
    recorded: Recorded,
    secret: Arc<Secret>,
    request: Request<Full<Bytes>>,
}

impl UpstreamRequest {
    pub(super) fn with_secret(recorded: Recorded, secret: Arc<Secret>) -> Result<Self, Refused> {
        let request = build(&recorded, &secret).map_err(|reason| {
            Refused::unavailable(reason).about(recorded.cleared().redemption().call())
        })?;
        Ok(Self { recorded, secret, request })
    }

    /// Sends the request over a connection of its own, so that nothing of one caller's request
    /// can run into another's.
    pub(super) async fn send(self, vault: &Vault) -> Result<Answer, Refused> {
        let Self { recorded, secret, request } = self;
        let deadline = Instant::now() + vault.limits.upstream_time;
        let stream = match timeout_at(
            deadline,
            dial(recorded.cleared().service(), &*vault.resolver),
        )
        .await
        {
            Ok(Ok(stream)) => stream,
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
        let lost = match timeout_at(deadline, exchange(stream, request)).await {
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                recorded.finish(vault, Outcome::Answered { status }).await?;
                let limit = vault.limits.response_body;
                return Answer::of(&recorded, &secret, response, deadline, limit);
            }
            Ok(Err(_)) => "upstream_broke_off",
            Err(_) => "upstream_timeout",
        };
        recorded.finish(vault, Outcome::Lost).await?;
        Err(Refused::unavailable(lost).about(recorded.cleared().redemption().call()))
    }
}

fn build(recorded: &Recorded, secret: &Secret) -> Result<Request<Full<Bytes>>, &'static str> {
    let cleared = recorded.cleared();
    let service = cleared.service();
    let mut request = Request::new(Full::new(cleared.body()));
    *request.method_mut() =
        Method::from_bytes(cleared.method().as_str().as_bytes()).map_err(|_| "method")?;
    *request.uri_mut() = Uri::from(cleared.target().sent().clone());
    let headers = request.headers_mut();
    *headers = cleared.headers().clone();
    headers.insert(header::HOST, service.origin.host_header().map_err(|_| "host")?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    // Last, and by `insert`: whatever was there, the key is the only value now.
    let value = service.inject.value(secret).map_err(|_| "secret_fits_no_header")?;
    headers.insert(service.inject.header(), value);
    Ok(request)
}

async fn exchange(
    stream: Stream,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Response<Incoming>> {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .handshake(TokioIo::new(stream))
        .await?;
    // It ends with the response body, or when that is dropped.
    tokio::spawn(connection);
    sender.send_request(request).await
}

const USER_AGENT: &str = concat!("agentcred-issuer/", env!("CARGO_PKG_VERSION"));
const MOST_HEADERS: usize = 100;
const LARGEST_HEAD: usize = 64 * 1024;
