//! A body that is read while it is sent: its length is known, and it is sent once.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{Stream, StreamExt as _, TryStreamExt as _, try_unfold};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::egress::RequestError;

/// A body that is read while it is sent, as a file. Made for
/// [`RequestBuilder::upload`](crate::RequestBuilder::upload).
///
/// Clones share the one body: the first of them that is sent takes it.
#[derive(Clone)]
#[must_use = "a body does nothing until a request with it is sent"]
pub struct Upload {
    length: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    pieces: Option<Pieces>,
    problem: Option<UploadProblem>,
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, UploadProblem>> + Send>>;

/// Why a body could not be sent as it was announced. The request was broken off: the upstream has
/// no whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UploadProblem {
    /// It ended too soon.
    #[error("it is shorter than its length says")]
    Shorter,
    /// It went on.
    #[error("it is longer than its length says")]
    Longer,
    /// It could not be read.
    #[error("it cannot be read")]
    Unreadable,
    /// A request before this one took it.
    #[error("it was sent already, and can be sent once")]
    Sent,
}

impl Upload {
    /// The body that a reader gives, `length` bytes of it, no fewer and no more.
    pub fn reader(length: u64, reader: impl AsyncRead + Send + 'static) -> Self {
        let pieces = try_unfold(Box::pin(reader), |mut reader| async move {
            let mut piece = BytesMut::with_capacity(PIECE);
            let read = reader.read_buf(&mut piece).await;
            let read = read.map_err(|_| UploadProblem::Unreadable)?;
            Ok((read > 0).then(|| (piece.freeze(), reader)))
        });
        Self::of(length, pieces.boxed())
    }

    /// The body that a stream of pieces gives, `length` bytes of it, no fewer and no more.
    pub fn stream<S, B, E>(length: u64, pieces: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
    {
        let pieces = pieces.map(|it| it.map(Into::into).map_err(|_| UploadProblem::Unreadable));
        Self::of(length, pieces.boxed())
    }

    fn of(length: u64, pieces: Pieces) -> Self {
        let state = State { pieces: Some(pieces), problem: None };
        Self { length, state: Arc::new(Mutex::new(state)) }
    }

    /// In bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The body, piece by piece. An [`Issuer`](crate::Issuer) that sends it must send it whole or
    /// break off.
    ///
    /// # Errors
    /// When it was taken before. The stream ends with an error when the body has another length or
    /// cannot be read; [`Self::problem`] tells afterwards.
    pub fn take(
        &self,
    ) -> Result<impl Stream<Item = Result<Bytes, UploadProblem>> + Send + 'static, RequestError>
    {
        let pieces = self.state().pieces.take();
        let pieces = pieces.ok_or(RequestError::Upload(UploadProblem::Sent))?;
        let state = Arc::clone(&self.state);
        let measured = try_unfold((pieces, self.length), measured);
        Ok(measured.inspect_err(move |problem| lock(&state).problem = Some(*problem)))
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// When it was taken before, has another length or cannot be read.
    pub async fn read(&self) -> Result<Bytes, RequestError> {
        let whole = self.take()?.try_fold(BytesMut::new(), async |mut whole, piece| {
            whole.extend_from_slice(&piece);
            Ok(whole)
        });
        whole.await.map(BytesMut::freeze).map_err(RequestError::Upload)
    }

    /// What went wrong with it while it was sent.
    pub fn problem(&self) -> Option<UploadProblem> {
        self.state().problem
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // No code that panics runs under the lock, so its content is whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next piece of a body of which so much is left. The last one is given out only when nothing
/// follows it, so that a longer body is not taken for a whole one.
async fn measured(
    (mut pieces, left): (Pieces, u64),
) -> Result<Option<(Bytes, (Pieces, u64))>, UploadProblem> {
    if left == 0 {
        return Ok(None);
    }
    let piece = next(&mut pieces).await?.ok_or(UploadProblem::Shorter)?;
    let left = left.checked_sub(piece.len() as u64).ok_or(UploadProblem::Longer)?;
    if left == 0 && next(&mut pieces).await?.is_some() {
        return Err(UploadProblem::Longer);
    }
    Ok(Some((piece, (pieces, left))))
}

/// The next piece that holds anything.
async fn next(pieces: &mut Pieces) -> Result<Option<Bytes>, UploadProblem> {
    while let Some(piece) = pieces.try_next().await? {
        if !piece.is_empty() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("length", &self.length).finish_non_exhaustive()
    }
}

/// How much is read at a time, in bytes.
const PIECE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"a body";

    #[tokio::test]
    async fn a_body_of_the_announced_length_is_read_whole_and_once() {
        let upload = Upload::reader(6, BODY);
        let clone = upload.clone();
        assert_eq!(upload.read().await.unwrap(), BODY);
        assert_eq!(clone.read().await, Err(RequestError::Upload(UploadProblem::Sent)));
        let pieces = ["", "a ", "", "body", ""].map(Ok::<_, ()>);
        let upload = Upload::stream(6, futures_util::stream::iter(pieces));
        assert_eq!(upload.read().await.unwrap(), BODY);
        assert_eq!(upload.problem(), None);
    }

    #[tokio::test]
    async fn a_body_of_another_length_never_ends_well() {
        for (length, problem) in
            [(5, UploadProblem::Longer), (7, UploadProblem::Shorter), (2, UploadProblem::Longer)]
        {
            let upload = Upload::reader(length, BODY);
            assert_eq!(upload.read().await, Err(RequestError::Upload(problem)), "{length}");
            assert_eq!(upload.problem(), Some(problem));
        }
        let broken = futures_util::stream::iter([Ok("a"), Err("canary")]);
        let upload = Upload::stream(2, broken);
        let unreadable = RequestError::Upload(UploadProblem::Unreadable);
        assert_eq!(upload.read().await, Err(unreadable));
    }
}
