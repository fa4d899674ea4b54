//! Client authentication in a form: an assertion, and the name that it should prove.

use zeroize::Zeroizing;

use super::JWT_TYPE;
use super::form::Form;
use crate::assertion::{ASSERTION_TYPE, SPIFFE_ASSERTION_TYPE};
use crate::refusal::RefusalCode;

/// What a caller authenticates with (RFC 7521 section 4.2).
#[derive(Debug)]
pub struct ClientAssertion {
    /// What it says that it is.
    pub kind: AssertionKind,
    /// The signed assertion that says who asks.
    pub text: Zeroizing<String>,
    /// The client's name. It need not be said, but if it is it must be the assertion's.
    pub client_id: Option<String>,
}

/// How a caller authenticates at the token endpoint.
#[derive(Debug)]
pub enum ClientAuthentication {
    /// By an assertion.
    Assertion(ClientAssertion),
    /// By nothing in the form: if at all, in the `Authorization` header (RFC 6749 section 2.3.1).
    Elsewhere {
        /// The client's name, if the form says it.
        client_id: Option<String>,
    },
}

impl ClientAuthentication {
    pub(super) fn take(form: &mut Form) -> Result<Self, RefusalCode> {
        if form.has("client_assertion") || form.has("client_assertion_type") {
            return ClientAssertion::take(form).map(Self::Assertion);
        }
        let client_id = form.take_if_there("client_id").map(|id| id.to_string());
        Ok(Self::Elsewhere { client_id })
    }
}

/// What an assertion says that it is, by `client_assertion_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionKind {
    /// A JWT of any kind (RFC 7523 section 2.2).
    Jwt,
    /// A JWT-SVID (draft-ietf-oauth-spiffe-client-auth section 3.1).
    Spiffe,
}

impl ClientAssertion {
    pub(super) fn take(form: &mut Form) -> Result<Self, RefusalCode> {
        let mut take = |name| form.take(name).map_err(|_| RefusalCode::InvalidClient);
        let kind = match take("client_assertion_type")?.as_str() {
            ASSERTION_TYPE => AssertionKind::Jwt,
            SPIFFE_ASSERTION_TYPE => AssertionKind::Spiffe,
            _ => return Err(RefusalCode::InvalidClient),
        };
        Ok(Self {
            kind,
            text: take("client_assertion")?,
            client_id: form.take_if_there("client_id").map(|id| id.to_string()),
        })
    }

    /// The same assertion as the actor of a token exchange (RFC 8693 section 2.1).
    pub(super) fn take_as_actor(form: &mut Form) -> Result<Self, RefusalCode> {
        let mut take = |name| form.take(name).map_err(|_| RefusalCode::InvalidClient);
        if take("actor_token_type")?.as_str() != JWT_TYPE {
            return Err(RefusalCode::InvalidClient);
        }
        Ok(Self {
            kind: AssertionKind::Jwt,
            text: take("actor_token")?,
            client_id: form.take_if_there("client_id").map(|id| id.to_string()),
        })
    }
}
