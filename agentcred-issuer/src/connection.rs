//! One connection to an upstream, in the version of HTTP that both ends speak.

use std::sync::Arc;

use http::header::{self, HeaderMap};
use http::uri::{Authority, Parts, Scheme};
use http::{Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use crate::dial::{DialError, Dialled, Line, dial};
use crate::outgoing::Outgoing;
use crate::resolver::Resolver;
use crate::service::Destination;

/// A connection that was dialled at a checked address.
pub(crate) struct Connection {
    sender: Sender,
    line: Arc<Line>,
}

enum Sender {
    Http1(http1::SendRequest<Outgoing>),
    Http2(http2::SendRequest<Outgoing>),
}

/// Why there is no answer.
pub(crate) enum Broken {
    /// The connection was at its end already: nothing of the request was sent, and here is its
    /// body.
    BeforeSending(Outgoing),
    /// The request was sent, wholly or in part.
    WhileSending,
}

impl Connection {
    pub(crate) async fn open(
        destination: &Destination,
        resolver: &dyn Resolver,
    ) -> Result<Self, DialError> {
        let Dialled { stream, line, is_http2 } = dial(destination, resolver).await?;
        let io = TokioIo::new(stream);
        let sender = if is_http2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(LARGEST_HEAD)
                .handshake(io)
                .await
                .map_err(DialError::Http)?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::Builder::new()
                .max_headers(MOST_HEADERS)
                .max_buf_size(LARGEST_HEAD as usize)
                .handshake(io)
                .await
                .map_err(DialError::Http)?;
            // It ends when its sender or an unfinished answer is dropped.
            tokio::spawn(connection);
            Sender::Http1(sender)
        };
        Ok(Self { sender, line: Arc::new(line) })
    }

    /// A second hold on a connection that keeps its requests apart by itself.
    pub(crate) fn shared(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => {
                let sender = Sender::Http2(sender.clone());
                Some(Self { sender, line: Arc::clone(&self.line) })
            }
        }
    }

    /// Waits until the last exchange is over on both sides. Whether another one may follow.
    pub(crate) async fn is_over(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await.is_ok(),
            Sender::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    /// Whether a request may go over it now: it is open, and nothing has arrived out of turn.
    pub(crate) fn is_ready(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_ready() && self.line.is_quiet(),
            Sender::Http2(sender) => sender.is_ready(),
        }
    }

    /// Sends a request, whose target is a path and query and which names its host in `Host`.
    pub(crate) async fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, Broken> {
        match &mut self.sender {
            Sender::Http1(sender) => sender.try_send_request(request).await.map_err(broken),
            Sender::Http2(sender) => {
                sender.try_send_request(in_http2(request)?).await.map_err(broken)
            }
        }
    }
}

fn broken(mut error: TrySendError<Request<Outgoing>>) -> Broken {
    match error.take_message() {
        Some(request) => Broken::BeforeSending(request.into_body()),
        None => Broken::WhileSending,
    }
}

/// The same request as HTTP/2 has it: the host stands in the target, and nothing speaks of the
/// connection (RFC 9113 section 8.2.2).
fn in_http2(mut request: Request<Outgoing>) -> Result<Request<Outgoing>, Broken> {
    let headers: &mut HeaderMap = request.headers_mut();
    headers.remove(header::CONNECTION);
    let host = headers.remove(header::HOST);
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    parts.path_and_query = request.uri().path_and_query().cloned();
    let Ok(uri) = Uri::from_parts(parts) else {
        return Err(Broken::BeforeSending(request.into_body()));
    };
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_2;
    Ok(request)
}

const MOST_HEADERS: usize = 100;
const LARGEST_HEAD: u32 = 64 * 1024;
