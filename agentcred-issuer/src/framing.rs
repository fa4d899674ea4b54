//! Framing: the bytes of each request's head, checked before a lenient parser reads them.
//!
//! HTTP libraries forgive: lines that end without a carriage return, a second `Host`, a
//! `Content-Length` beside a `Transfer-Encoding`. Two servers that forgive differently see two
//! different requests in the same bytes, and one of them may be an attacker's. Here a head has
//! one form (RFC 9112), and a connection on which anything else was seen is over.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pace::{Over, Pace, Stage};

/// A connection that ends with the first head that is not strictly one. It tells its pace how
/// far its requests have come.
#[derive(Debug)]
pub(crate) struct Strict<S> {
    stream: S,
    state: State,
    pace: Arc<Pace>,
}

#[derive(Debug)]
enum State {
    /// In a head, of which this much has passed.
    Head(Vec<u8>),
    /// In a body of which so many bytes are still to come.
    Body(usize),
    Refused,
}

impl<S> Strict<S> {
    pub(crate) fn new(stream: S, pace: Arc<Pace>) -> Self {
        Self { stream, state: State::Head(Vec::new()), pace }
    }
}

impl State {
    /// Follows bytes and counts the requests that end in them. The error is how many bytes stood
    /// before the head that is refused.
    fn follow(&mut self, bytes: &[u8]) -> Result<u64, usize> {
        let (mut position, mut whole) = (0, 0);
        while position < bytes.len() {
            match self {
                Self::Refused => return Err(position),
                Self::Body(left) => {
                    let passing = (*left).min(bytes.len() - position);
                    position += passing;
                    *left -= passing;
                    if *left == 0 {
                        whole += 1;
                        *self = Self::Head(Vec::new());
                    }
                }
                Self::Head(head) => {
                    let before = position;
                    // At the very byte: a parser that takes it for the end of a line may act
                    // before the head is complete.
                    while position < bytes.len() && !head.ends_with(END) {
                        if bytes[position] == b'\n' && head.last() != Some(&b'\r') {
                            return Err(before);
                        }
                        head.push(bytes[position]);
                        position += 1;
                    }
                    if head.ends_with(END) {
                        *self = match body_length(head) {
                            None => return Err(before),
                            Some(0) => {
                                whole += 1;
                                Self::Head(Vec::new())
                            }
                            Some(length) => Self::Body(length),
                        };
                    } else if head.len() > LARGEST_HEAD {
                        return Err(before);
                    }
                }
            }
        }
        Ok(whole)
    }

    fn stage(&self) -> Stage {
        match self {
            Self::Head(head) if head.is_empty() => Stage::Between,
            Self::Head(_) | Self::Refused => Stage::Head,
            Self::Body(_) => Stage::Body,
        }
    }
}

/// Whether bytes that arrive in pieces of this size are requests one after another.
#[cfg(fuzzing)]
pub fn reads_as_heads(bytes: &[u8], size: usize) -> bool {
    let mut state = State::Head(Vec::new());
    bytes.chunks(size.max(1)).all(|piece| state.follow(piece).is_ok())
}

/// The length of the body that follows a head. None for a head that must be refused.
fn body_length(head: &[u8]) -> Option<usize> {
    let text = head.strip_suffix(END)?;
    let mut lines = Lines(Some(text));
    if !is_request_line(lines.next()?) {
        return None;
    }
    let (mut hosts, mut length) = (0, None);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // A name that starts with a space would be the rest of the line before it.
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return None;
        }
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\0')) {
            return None;
        }
        if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(read_length(value)?).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return None;
        }
    }
    (hosts == 1).then_some(length.unwrap_or(0))
}

/// `METHOD /path HTTP/1.1`: no other form of target (RFC 9112 section 3.2) and no other space.
fn is_request_line(line: &[u8]) -> bool {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    method.is_some_and(|it| !it.is_empty() && it.iter().all(|byte| is_token(*byte)))
        && target.is_some_and(|it| it.starts_with(b"/") && !it.contains(&b'\r'))
        && version == Some(b"HTTP/1.1")
        && parts.next().is_none()
}

fn read_length(value: &[u8]) -> Option<usize> {
    let is_plain = (1..=15).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| is_plain)?.parse().ok()
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What stands between line ends.
struct Lines<'h>(Option<&'h [u8]>);

impl<'h> Iterator for Lines<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        let text = self.0?;
        let end = text.windows(2).position(|pair| pair == b"\r\n");
        let (line, rest) = match end {
            Some(end) => (&text[..end], Some(&text[end + 2..])),
            None => (text, None),
        };
        self.0 = rest;
        Some(line)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if matches!(this.state, State::Refused) {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let whole = match this.state.follow(&buffer.filled()[before..]) {
            Ok(whole) => whole,
            Err(sound) => {
                this.state = State::Refused;
                // No parser takes a NUL in a head: it answers 400, closes, and has seen nothing
                // of what is refused that it could act on.
                buffer.set_filled(before + sound);
                buffer.put_slice(b"\0");
                0
            }
        };
        if let Err(Over) = this.pace.heard(whole, this.state.stage()) {
            buffer.set_filled(before);
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

const END: &[u8] = b"\r\n\r\n";

/// More than the parser behind it takes, which says so in its own words.
const LARGEST_HEAD: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &[u8] = b"POST /token HTTP/1.1\r\nHost: a\r\ncontent-length: 3\r\n\r\nabc";

    fn follow(bytes: &[u8], size: usize) -> bool {
        let mut state = State::Head(Vec::new());
        bytes.chunks(size).all(|chunk| state.follow(chunk).is_ok())
    }

    #[test]
    fn good_requests_pass_one_after_another_in_any_pieces() {
        let two = [GOOD, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", GOOD].concat();
        for size in 1..=two.len() {
            assert!(follow(&two, size), "{size}");
        }
    }

    #[test]
    fn requests_are_counted_when_their_last_byte_has_come() {
        let two = [GOOD, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", GOOD].concat();
        for size in 1..=two.len() {
            let mut state = State::Head(Vec::new());
            let counts = two.chunks(size).map(|chunk| state.follow(chunk).unwrap());
            assert_eq!(counts.sum::<u64>(), 3, "{size}");
        }
        assert_eq!(State::Head(Vec::new()).follow(&GOOD[..GOOD.len() - 1]), Ok(0));
    }

    #[test]
    fn what_stood_before_a_refused_head_passes() {
        let two = [GOOD, b"GET /\n"].concat();
        assert_eq!(State::Head(Vec::new()).follow(&two), Err(GOOD.len()));
    }

    #[test]
    fn a_body_may_hold_what_a_head_may_not() {
        assert!(follow(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n\n\0", 1));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_pieces_make_no_difference(bytes in "(GET|\r|\n|/| |HTTP/1.1|host:|a|\0){0,40}", size in 1_usize..20) {
            prop_assert_eq!(follow(bytes.as_bytes(), size), follow(bytes.as_bytes(), usize::MAX));
        }
    }
}
