//! The body of an upstream's answer, at whose end the connection may serve again.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use agentcred_protocol::clock::Clock;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Response, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::pool::{Aged, Holder, Pool};

/// A body as it arrives. One that is dropped before its end takes its connection along.
pub(super) struct Received {
    body: Incoming,
    lease: Option<Lease>,
}

/// A connection that is in use, and who may use it next.
pub(super) struct Lease {
    pub(super) pool: Arc<Pool>,
    pub(super) holder: Holder,
    pub(super) aged: Aged,
    pub(super) clock: Arc<dyn Clock>,
}

impl Received {
    /// Takes an answer and, when it is to be kept, the connection that it arrives on.
    pub(super) fn of(response: Response<Incoming>, lease: Option<Lease>) -> Response<Self> {
        let is_regular = is_regular(response.version(), response.headers());
        let lease = lease.filter(|_| is_regular);
        response.map(|body| {
            let mut received = Self { body, lease };
            if received.body.is_end_stream() {
                received.end();
            }
            received
        })
    }

    fn end(&mut self) {
        let Some(Lease { pool, holder, mut aged, clock }) = self.lease.take() else { return };
        tokio::spawn(async move {
            if aged.connection.is_over().await {
                pool.keep(holder, aged, &clock);
            }
        });
    }
}

/// Whether nobody could disagree about where the answer ends.
fn is_regular(version: Version, headers: &HeaderMap) -> bool {
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter().count();
    let encodings = headers.get_all(header::TRANSFER_ENCODING).iter().count();
    version == Version::HTTP_11
        && lengths + encodings <= 1
        && headers.get(header::TRANSFER_ENCODING).is_none_or(|value| value == "chunked")
        && !headers.contains_key(header::CONNECTION)
        && !headers.contains_key(header::UPGRADE)
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            None => self.end(),
            Some(Ok(_)) => {}
            Some(Err(_)) => self.lease = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
