//! One question to a server that the vault side itself asks, and the whole of its answer.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use zeroize::Zeroizing;

use crate::connection::Connection;
use crate::dial::DialError;
use crate::outgoing::Outgoing;
use crate::resolver::Resolver;
use crate::service::Destination;

/// Why there is no answer. Nothing of what was said is part of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("cannot be reached: {0}")]
    Unreachable(#[from] DialError),
    #[error("broke off")]
    BrokeOff,
    #[error("answered with more than {0} bytes")]
    TooLong(usize),
}

/// Asks over a connection of its own, and reads an answer of so many bytes at most.
///
/// The answer is overwritten when it is dropped; what the connection read it through is not.
pub(crate) async fn ask(
    destination: &Destination,
    resolver: &dyn Resolver,
    mut question: Request<Bytes>,
    most: usize,
) -> Result<Response<Zeroizing<Vec<u8>>>, Unanswered> {
    let host = destination.origin.host_header().map_err(|_| Unanswered::BrokeOff)?;
    question.headers_mut().insert(header::HOST, host);
    question.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    let mut connection = Connection::open(destination, resolver).await?;
    let answer =
        connection.send(question.map(Outgoing::from)).await.map_err(|_| Unanswered::BrokeOff)?;
    let (head, mut body) = answer.into_parts();
    // Sized at once: a vector that grows would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(most));
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.map_err(|_| Unanswered::BrokeOff)?.into_data() else { continue };
        if text.len() + bytes.len() > most {
            return Err(Unanswered::TooLong(most));
        }
        text.extend_from_slice(&bytes);
    }
    Ok(Response::from_parts(head, text))
}
