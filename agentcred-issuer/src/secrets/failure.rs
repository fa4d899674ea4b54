//! How a store is asked, and why it gave no secret.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use zeroize::Zeroizing;

use super::{SecretError, SecretRef, Unavailable, UnusableSecret};
use crate::ask::{Unanswered, ask};
use crate::resolver::Resolver;
use crate::service::Destination;

/// Why there is no secret. Nothing of an answer but its status is part of it.
#[derive(Debug)]
pub(super) enum Failure {
    Unavailable(Unavailable),
    Missing,
    Refused(StatusCode),
    LoginRefused(StatusCode),
    Unusable(UnusableSecret),
    /// What this issuer logs in with cannot be had.
    Login(SecretError),
}

impl Failure {
    pub(super) fn about(self, reference: &SecretRef) -> SecretError {
        let reference = reference.clone();
        match self {
            Self::Unavailable(cause) => SecretError::Unavailable { reference, cause },
            Self::Missing => SecretError::Missing { reference },
            Self::Refused(_) => SecretError::Denied { reference },
            Self::LoginRefused(status) => SecretError::LoginRefused { reference, status },
            Self::Unusable(cause) => SecretError::Unusable { reference, cause },
            Self::Login(error) => error,
        }
    }
}

/// Asks a store, in the time that it has. An answer comes back whatever its status.
pub(super) async fn ask_in_time(
    destination: &Destination,
    resolver: &dyn Resolver,
    question: Request<Bytes>,
    timeout: Duration,
) -> Result<Response<Zeroizing<Vec<u8>>>, Failure> {
    let asking = ask(destination, resolver, question, LARGEST_ANSWER);
    match tokio::time::timeout(timeout, asking).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(unanswered)) => Err(Failure::Unavailable(unavailable(&unanswered))),
        Err(_) => Err(Failure::Unavailable(Unavailable::Slow)),
    }
}

fn unavailable(unanswered: &Unanswered) -> Unavailable {
    match unanswered {
        Unanswered::Unreachable(error) => {
            tracing::debug!(%error, "no connection to the secret store");
            Unavailable::Unreachable(error.kind())
        }
        Unanswered::BrokeOff => Unavailable::BrokeOff,
        Unanswered::TooLong(_) => Unavailable::Unreadable,
    }
}

/// A secret of many fields, each as long as one may be.
const LARGEST_ANSWER: usize = 64 * 1024;
