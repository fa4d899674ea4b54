//! The operators' routes, in one table, and who answers each.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Operations, Operator, revoke};
use crate::reply::{self, Reply};

/// The one route that asks for no token. It says that the process runs, and nothing else.
pub(super) const LIVENESS: &str = "/healthz";

/// What an operator can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Revoke,
}

/// Every route behind the door.
pub(super) const ROUTES: &[(Method, &str, Route)] = &[(Method::POST, "/revoke", Route::Revoke)];

/// Answers an operator.
pub(super) async fn route(
    operations: &Arc<Operations>,
    operator: Operator,
    request: Request<Incoming>,
) -> Reply {
    let (head, body) = request.into_parts();
    let route = match find(&head.method, head.uri.path()) {
        Ok(route) => route,
        Err(status) => return reply::empty(status),
    };
    let answered = match route {
        Route::Revoke => match read_json(operations, &head.headers, body).await {
            Ok(named) => revoke::revoke(operations, &operator, named).await,
            Err(error) => Err(error),
        },
    };
    answered.unwrap_or_else(OperatorError::into_reply)
}

/// What an operator is told instead of an answer: a word for programs and a sentence for people.
#[derive(Debug)]
pub(super) struct OperatorError {
    pub(super) status: StatusCode,
    pub(super) error: &'static str,
    pub(super) message: String,
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

fn find(method: &Method, path: &str) -> Result<Route, StatusCode> {
    let mut at_path = ROUTES.iter().filter(|(_, at, _)| *at == path).peekable();
    if at_path.peek().is_none() {
        return Err(StatusCode::NOT_FOUND);
    }
    let route = at_path.find(|(takes, ..)| takes == method);
    route.map(|(.., route)| *route).ok_or(StatusCode::METHOD_NOT_ALLOWED)
}

/// In bytes. What operators send is a name or two.
const LARGEST_BODY: usize = 4096;
