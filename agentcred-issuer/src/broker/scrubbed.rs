//! A response body that loses every trace of a secret while it passes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use agentcred_protocol::scrub::{ScrubStream, Scrubber};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use super::media::{BEGINNING, Media};
use super::received::Received;
use crate::reply::BodyError;

/// The body of an upstream's answer. Trailers are dropped, and one that grows too large or
/// takes too long is cut off.
pub(super) struct Scrubbed {
    /// What was read before, and passes first.
    begun: Vec<u8>,
    body: Received,
    media: Media,
    /// The first bytes as they arrived, in however many pieces, until there are enough.
    beginning: Vec<u8>,
    streams: [ScrubStream; 2],
    deadline: Pin<Box<Sleep>>,
    left: u64,
    is_done: bool,
}

impl Scrubbed {
    pub(super) fn new(
        begun: Vec<u8>,
        body: Received,
        media: Media,
        scrubbers: &[Scrubber; 2],
        deadline: Instant,
        limit: u64,
    ) -> Self {
        Self {
            begun,
            body,
            media,
            beginning: Vec::new(),
            streams: scrubbers.each_ref().map(Scrubber::stream),
            deadline: Box::pin(sleep_until(deadline)),
            left: limit,
            is_done: false,
        }
    }

    fn push(&mut self, chunk: &[u8]) -> Result<Bytes, BodyError> {
        self.left = self
            .left
            .checked_sub(chunk.len() as u64)
            .ok_or("the upstream's answer is larger than allowed")?;
        let missing = BEGINNING.saturating_sub(self.beginning.len()).min(chunk.len());
        if missing > 0 {
            self.beginning.extend_from_slice(&chunk[..missing]);
            if !self.media.can_begin_with(&self.beginning) {
                return Err("the upstream's answer hides what is in it".into());
            }
        }
        let [first, second] = &mut self.streams;
        Ok(second.push(&first.push(chunk)).into())
    }

    fn finish(&mut self) -> Bytes {
        self.is_done = true;
        let [first, second] = &mut self.streams;
        let mut rest = second.push(&first.finish());
        rest.extend(second.finish());
        let found = first.found() + second.found();
        if found > 0 {
            tracing::warn!(found, "secrets were taken out of an upstream's answer");
        }
        rest.into()
    }
}

impl Body for Scrubbed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.is_done {
            return Poll::Ready(None);
        }
        loop {
            if this.deadline.as_mut().poll(cx).is_ready() {
                this.is_done = true;
                return Poll::Ready(Some(Err("the upstream's answer took too long".into())));
            }
            let begun = std::mem::take(&mut this.begun);
            let next = if begun.is_empty() {
                ready!(Pin::new(&mut this.body).poll_frame(cx))
            } else {
                Some(Ok(Frame::data(begun.into())))
            };
            let clean = match next {
                None => this.finish(),
                Some(Err(error)) => {
                    this.is_done = true;
                    return Poll::Ready(Some(Err(error.into())));
                }
                Some(Ok(frame)) => match frame.data_ref() {
                    None => continue,
                    Some(chunk) => match this.push(chunk) {
                        Ok(clean) => clean,
                        Err(error) => {
                            this.is_done = true;
                            return Poll::Ready(Some(Err(error)));
                        }
                    },
                },
            };
            if !clean.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(clean))));
            }
            if this.is_done {
                return Poll::Ready(None);
            }
        }
    }
}
