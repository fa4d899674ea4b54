//! The operators' routes, in one table, and who answers each.

use std::fmt;
use std::sync::Arc;

use agentcred_protocol::names::ApprovalId;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, Operations, Operator, approvals, page, readiness, reload, revoke};
use crate::approvals::Decision;
use crate::ledger::LedgerError;
use crate::metrics::{MEDIA_TYPE, Metrics};
use crate::reply::{self, Reply};

/// The one route that asks for no token. It says that the process runs, and nothing else.
pub(super) const LIVENESS: &str = "/healthz";

/// What an operator can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Page,
    Approvals,
    Decide(Decision),
    Metrics,
    Readiness,
    Reload,
    Revoke,
}

/// Every route behind the door.
pub(super) const ROUTES: &[(Method, &str, Route)] = &[
    (Method::GET, "/", Route::Page),
    (Method::GET, "/approvals", Route::Approvals),
    (Method::POST, "/approvals/{id}/approve", Route::Decide(Decision::Approved)),
    (Method::POST, "/approvals/{id}/deny", Route::Decide(Decision::Denied)),
    (Method::GET, "/metrics", Route::Metrics),
    (Method::GET, "/readyz", Route::Readiness),
    (Method::POST, "/reload", Route::Reload),
    (Method::POST, "/revoke", Route::Revoke),
];

/// Answers an operator.
pub(super) async fn route(
    operations: &Arc<Operations>,
    operator: Operator,
    request: Request<Incoming>,
) -> Reply {
    let (head, body) = request.into_parts();
    let (route, id) = match find(&head.method, head.uri.path()) {
        Ok(found) => found,
        Err(status) => return reply::empty(status),
    };
    let answered = match route {
        Route::Page => {
            approvals::list(operations).await.map(|list| page::approvals(&operator, &list))
        }
        Route::Approvals => approvals::list_json(operations).await,
        Route::Decide(decision) => decide(operations, &operator, id, decision).await,
        Route::Metrics => Ok(measured(&operations.vault.metrics)),
        Route::Readiness => Ok(readiness::readiness(&operations.vault).await),
        Route::Reload => reload::reload(operations, &operator).await,
        Route::Revoke => match read_json(operations, &head.headers, body).await {
            Ok(named) => revoke::revoke(operations, &operator, named).await,
            Err(error) => Err(error),
        },
    };
    answered.unwrap_or_else(|error| match operator.client {
        Client::Program => error.into_reply(),
        Client::Browser => page::refused(&error),
    })
}

/// What an operator is told instead of an answer: a word for programs and a sentence for people.
#[derive(Debug)]
pub(super) struct OperatorError {
    pub(super) status: StatusCode,
    pub(super) error: &'static str,
    pub(super) message: String,
}

impl From<LedgerError> for OperatorError {
    fn from(_: LedgerError) -> Self {
        Self::unavailable("the ledger cannot answer; try again")
    }
}

impl OperatorError {
    pub(super) fn new(status: StatusCode, error: &'static str, message: &str) -> Self {
        Self { status, error, message: message.to_owned() }
    }

    /// The vault side itself fails, and nothing was changed.
    pub(super) fn unavailable(message: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }

    fn into_reply(self) -> Reply {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a str,
            message: &'a str,
        }
        let body = Body { error: self.error, message: &self.message };
        let mut reply = json(&body);
        *reply.status_mut() = self.status;
        reply
    }
}

/// An answer for a program.
pub(super) fn json(answer: &impl Serialize) -> Reply {
    match serde_json::to_vec(answer) {
        Ok(json) => reply::json(StatusCode::OK, json),
        Err(_) => reply::empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

pub(super) fn alive() -> Reply {
    reply::json(StatusCode::OK, &b"{\"status\":\"alive\"}"[..])
}

fn measured(metrics: &Metrics) -> Reply {
    match metrics.text() {
        Ok(text) => reply::text(MEDIA_TYPE, text),
        Err(fmt::Error) => reply::empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn read_json<T: DeserializeOwned>(
    operations: &Operations,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<T, OperatorError> {
    let refuse = |message| OperatorError::new(StatusCode::BAD_REQUEST, "invalid_request", message);
    // No form of another site's page can say this of its body.
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    if content_type != Some("application/json") {
        return Err(refuse("the content type must be application/json"));
    }
    let body = read_body(operations, body).await?;
    serde_json::from_slice(&body)
        .map_err(|_| refuse("the body is not what this route takes; see the documentation"))
}

async fn read_body(operations: &Operations, body: Incoming) -> Result<Bytes, OperatorError> {
    let refuse = |message| OperatorError::new(StatusCode::BAD_REQUEST, "invalid_request", message);
    let reading = Limited::new(body, LARGEST_BODY).collect();
    match tokio::time::timeout(operations.vault.limits.request_time, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err(refuse("the body is too large or incomplete")),
        Err(_) => Err(refuse("the body came too slowly")),
    }
}

async fn decide(
    operations: &Arc<Operations>,
    operator: &Operator,
    id: &str,
    decision: Decision,
) -> Result<Reply, OperatorError> {
    let id = ApprovalId::new(id).map_err(|error| OperatorError {
        status: StatusCode::BAD_REQUEST,
        error: "invalid_request",
        message: error.to_string(),
    })?;
    approvals::decide(operations, operator, &id, decision).await?;
    Ok(match operator.client {
        Client::Program => approvals::decided_json(&id, decision, operator),
        Client::Browser => page::back_to_list(),
    })
}

/// The route of a request, with what stands in the place of `{id}`.
fn find<'p>(method: &Method, path: &'p str) -> Result<(Route, &'p str), StatusCode> {
    let mut is_known = false;
    for (takes, pattern, route) in ROUTES {
        if let Some(id) = id_in(pattern, path) {
            is_known = true;
            if takes == method {
                return Ok((*route, id));
            }
        }
    }
    Err(if is_known { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::NOT_FOUND })
}

/// What stands in the place of `{id}` when a path fits a pattern; nothing when it has none.
fn id_in<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    match pattern.split_once("{id}") {
        None => (pattern == path).then_some(""),
        Some((before, after)) => {
            let id = path.strip_prefix(before)?.strip_suffix(after)?;
            (!id.is_empty() && !id.contains('/')).then_some(id)
        }
    }
}

/// In bytes. What operators send is a name or two.
const LARGEST_BODY: usize = 4096;
