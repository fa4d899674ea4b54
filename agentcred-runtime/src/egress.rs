//! One upstream request by way of the broker, and what can become of it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use agentcred_protocol::names::ServiceName;
use agentcred_protocol::refusal::RefusalCode;

use crate::upload::{Upload, UploadProblem};

/// A request that a tool wants made: all of it but the host and the credential.
#[derive(Clone)]
#[non_exhaustive]
pub struct EgressRequest {
    /// The method.
    pub method: Method,
    /// The path at the upstream, as `/v1/customers`.
    pub path: String,
    /// The query without `?`; empty when there is none.
    pub query: String,
    /// The media type of the body, when there is a body.
    pub content_type: Option<HeaderValue>,
    /// The body, unless there is an `upload`.
    pub body: Bytes,
    /// The body, when it is read while it is sent. It is sent once, so no request that has one
    /// may be sent again.
    pub upload: Option<Upload>,
    /// How long request and answer may take; none for as long as an issuer's client usually waits.
    pub wait: Option<Duration>,
}

impl EgressRequest {
    /// A request without query and body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: String::new(),
            content_type: None,
            body: Bytes::new(),
            upload: None,
            wait: None,
        }
    }
}

/// What the upstream answered, without the real key.
#[derive(Clone)]
#[non_exhaustive]
pub struct EgressResponse {
    /// The upstream's status.
    pub status: StatusCode,
    /// The headers that the broker lets through.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl EgressResponse {
    /// An answer without headers.
    pub fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into() }
    }
}

/// Why a tool has no answer from the upstream. The texts are for the tool's author and the log;
/// they hold no URL, header or body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// More upstream requests than the nonce allows.
    #[error(
        "`{tool}` made upstream request number {attempted} to `{service}`, its nonce allows {allowed}; say `uses = {attempted}`"
    )]
    UsesExceeded {
        /// The tool.
        tool: String,
        /// The service.
        service: ServiceName,
        /// What the nonce allows.
        allowed: u32,
        /// Which request this would have been.
        attempted: u32,
    },
    /// The call that the nonce was minted for is over.
    #[error("the call that this nonce was minted for is over; a nonce does not outlive its call")]
    CallOver,
    /// The path cannot be sent.
    #[error(
        "a request path starts with / and holds no ?, # or space; pass the query with `.query(..)`"
    )]
    InvalidPath,
    /// A query, form or JSON body could not be written.
    #[error("the request's {0} cannot be serialised")]
    Unserialisable(&'static str),
    /// The body could not be sent as it was announced; the upstream saw no whole request.
    #[error("the request's body was not sent: {0}")]
    Upload(UploadProblem),
    /// The broker refused; the upstream saw nothing, or of an upload no more than its beginning.
    #[error("the broker refused the request: {}: {}", .0, .0.description())]
    Refused(RefusalCode),
    /// The broker could not be reached or broke off.
    #[error("the broker cannot be reached")]
    Unreachable,
    /// The broker or the upstream took too long.
    #[error("the request took too long")]
    TimedOut,
    /// The answer is larger than a tool can take.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The upstream's status is not a success and the tool asked for the content.
    #[error("the upstream answered with status {}", .0.as_u16())]
    Status(StatusCode),
    /// The content is not what the tool expects.
    #[error(
        "the upstream's answer is not the expected JSON: {problem} at line {line}, column {column}"
    )]
    Decode {
        /// The class of the problem, without the content.
        problem: &'static str,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A page of a list said that more entries follow, and not after which one.
    #[error("the upstream says that more follows a page without entries, and not after what")]
    LostPage,
    /// This machine could not sign the proof.
    #[error("this machine could not sign the request")]
    Local,
}
