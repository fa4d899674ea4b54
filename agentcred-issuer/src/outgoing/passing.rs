//! A body that is passed on while it arrives, and how far it has come.
//!
//! The upstream is told its length beforehand and nothing but the whole of it is ever ended
//! there: a body that stops short, for whatever reason, takes the upstream's connection along.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::method_override::PartLines;

/// A body on its way from a caller to an upstream. No more of it is read than the upstream takes.
pub(crate) struct Passing {
    body: Incoming,
    left: u64,
    /// Looks at the lines of a multipart body before they pass.
    lines: Option<PartLines>,
    stand: watch::Sender<Stand>,
    /// Ends when nobody follows the body any more.
    given_up: oneshot::Receiver<Infallible>,
}

/// Follows a body that passes. When it is dropped, the body is cut off.
pub(crate) struct Progress {
    stand: watch::Receiver<Stand>,
    _following: oneshot::Sender<Infallible>,
}

/// Who has to do something next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// The caller has to send more.
    Caller,
    /// The upstream has to take what is there.
    Upstream,
    /// Nobody: all of it was handed on.
    Whole,
    Cut(Cut),
}

/// Why a body ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cut {
    /// Its caller went away or sent something else than it said.
    #[error("the caller broke off")]
    BrokeOff,
    /// It names a field of the method.
    #[error("the body asks for another method")]
    AsksForMethod,
    /// Nobody waits for it any more.
    #[error("the request was given up")]
    GivenUp,
}

/// Who took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    Caller,
    Upstream,
}

impl Passing {
    /// Passes on a body of so many bytes.
    pub(crate) fn new(body: Incoming, length: u64, lines: Option<PartLines>) -> (Self, Progress) {
        let (stand, follows) = watch::channel(Stand::Upstream);
        let (following, given_up) = oneshot::channel();
        let passing = Self { body, left: length, lines, stand, given_up };
        (passing, Progress { stand: follows, _following: following })
    }

    fn cut(&mut self, why: Cut) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.stand.send_replace(Stand::Cut(why));
        Poll::Ready(Some(Err(why)))
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = &mut *self;
        if this.left == 0 {
            return Poll::Ready(None);
        }
        if Pin::new(&mut this.given_up).poll(cx).is_ready() {
            return this.cut(Cut::GivenUp);
        }
        loop {
            let Poll::Ready(next) = Pin::new(&mut this.body).poll_frame(cx) else {
                // To wait for the caller once more is no progress.
                this.stand.send_if_modified(|stand| {
                    std::mem::replace(stand, Stand::Caller) != Stand::Caller
                });
                return Poll::Pending;
            };
            let data = match next {
                // A connection that is dropped ends a body as if that were all of it.
                None | Some(Err(_)) => return this.cut(Cut::BrokeOff),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    Err(_) => continue,
                },
            };
            let Some(left) = this.left.checked_sub(data.len() as u64) else {
                return this.cut(Cut::BrokeOff);
            };
            if this.lines.as_mut().is_some_and(|lines| lines.name_the_method(&data)) {
                return this.cut(Cut::AsksForMethod);
            }
            this.left = left;
            this.stand.send_replace(if left == 0 { Stand::Whole } else { Stand::Upstream });
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Progress {
    /// Why the body was cut off, if it was.
    pub(crate) fn cut(&self) -> Option<Cut> {
        match *self.stand.borrow() {
            Stand::Cut(why) => Some(why),
            _ => None,
        }
    }

    /// Whether all of it was handed on.
    pub(crate) fn is_whole(&self) -> bool {
        *self.stand.borrow() == Stand::Whole
    }

    /// Waits until nothing has moved for so long, or the deadline is over. A body that is whole
    /// has until the deadline.
    pub(crate) async fn late(&mut self, stall: Duration, deadline: Instant) -> Late {
        loop {
            let stand = *self.stand.borrow_and_update();
            let until = match stand {
                Stand::Caller | Stand::Upstream => deadline.min(Instant::now() + stall),
                Stand::Whole | Stand::Cut(_) => deadline,
            };
            match timeout_at(until, self.stand.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    sleep_until(deadline).await;
                    return Late::Upstream;
                }
                Err(_) if stand == Stand::Caller => return Late::Caller,
                Err(_) => return Late::Upstream,
            }
        }
    }

    /// Follows the body to its end, or to the deadline, when it is cut off. Why it was cut off,
    /// if it was.
    pub(crate) async fn end(mut self, deadline: Instant) -> Option<Cut> {
        let ended = self.stand.wait_for(|it| matches!(it, Stand::Whole | Stand::Cut(_)));
        match timeout_at(deadline, ended).await {
            Ok(Ok(stand)) => match *stand {
                Stand::Cut(why) => Some(why),
                _ => None,
            },
            // The upstream's connection ended: it does not want the rest.
            Ok(Err(_)) => None,
            Err(_) => Some(Cut::GivenUp),
        }
    }
}
