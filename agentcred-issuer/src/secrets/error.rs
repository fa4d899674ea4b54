//! Why a secret cannot be had: each error names the place, and never what is or was said there.

use http::StatusCode;

use super::{LONGEST_SECRET, SHORTEST_HMAC_KEY, SecretRef};
use agentcred_protocol::scrub::Scrubber;

/// A secret that cannot be had. It names the place and never the content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Nothing is there.
    #[error("{reference} is not set")]
    Missing {
        /// The place.
        reference: SecretRef,
    },
    /// It is there and cannot be read.
    #[error("{reference} cannot be read: {source}")]
    Unreadable {
        /// The place.
        reference: SecretRef,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others on the machine can read it too.
    #[error("{reference} can be read by others; allow its owner only: chmod 600")]
    Exposed {
        /// The place.
        reference: SecretRef,
    },
    /// What is there is no key.
    #[error("{reference} {cause}")]
    Unusable {
        /// The place.
        reference: SecretRef,
        /// Why.
        cause: UnusableSecret,
    },
    /// This store knows no such kind of place.
    #[error("{reference} is not a place that this store knows")]
    Unsupported {
        /// The place.
        reference: SecretRef,
    },
    /// The store does not let this issuer read it; a policy there has to.
    #[error("{reference} may not be read: the store's policy does not allow it to this issuer")]
    Denied {
        /// The place.
        reference: SecretRef,
    },
    /// The store knows no such login any more; it has to be made anew.
    #[error("{reference} cannot be read: the store refused this issuer's login with {status}")]
    LoginRefused {
        /// The place.
        reference: SecretRef,
        /// How the store answered.
        status: StatusCode,
    },
    /// The store cannot be asked now. It is asked again, in a while.
    #[error("{reference} cannot be read now: the store {cause}")]
    Unavailable {
        /// The place.
        reference: SecretRef,
        /// Why.
        cause: Unavailable,
    },
}

/// Why a store cannot be asked. It passes, or an operator mends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// There is no connection to it.
    #[error("cannot be reached ({0})")]
    Unreachable(&'static str),
    /// It took longer than the configuration's `timeout`.
    #[error("did not answer in time")]
    Slow,
    /// The connection ended before the answer did.
    #[error("broke off")]
    BrokeOff,
    /// It is sealed or under maintenance.
    #[error("is sealed or under maintenance")]
    Sealed,
    /// It is asked too often, by whomever.
    #[error("is asked too often")]
    Busy,
    /// It answered with a status that tells of a fault of its own.
    #[error("answered with {0}")]
    Faulty(StatusCode),
    /// Its answer does not have the form that it should have.
    #[error("gave an answer of an unknown form")]
    Unreadable,
}

/// Text that cannot serve as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableSecret {
    /// Shorter than what can be searched for in answers.
    #[error("is shorter than {} bytes; too short to be a key", Scrubber::SHORTEST_SECRET)]
    TooShort,
    /// Shorter than a key for server nonces must be.
    #[error("is shorter than {SHORTEST_HMAC_KEY} bytes; `openssl rand -hex 32` makes a good one")]
    TooWeak,
    /// Longer than a header takes.
    #[error("is longer than {LONGEST_SECRET} bytes")]
    TooLong,
    /// It holds a space, a control character or a byte beyond ASCII.
    #[error("holds a character other than visible ASCII; is there a stray line or space?")]
    NotPrintable,
    /// It is a number, a list or an object.
    #[error("is no text")]
    NotText,
    /// It is not the JSON object in which a field was looked for.
    #[error("is no JSON object, so that it has no fields")]
    NotObject,
    /// A user name ends at its first colon (RFC 7617 section 2).
    #[error("holds a colon, which no user name may")]
    HasColon,
    /// It is not made of the parts that a signature for AWS needs.
    #[error("is no key of AWS: it must be ID:SECRET or ID:SECRET:SESSION_TOKEN")]
    NotAwsKey,
}
