//! Client authentication in a form: an assertion, and the name that it should prove.

use zeroize::Zeroizing;

use super::form::Form;
use crate::assertion::ASSERTION_TYPE;
use crate::refusal::RefusalCode;

/// What a caller authenticates with (RFC 7521 section 4.2).
#[derive(Debug)]
pub struct ClientAssertion {
    /// The signed assertion that says who asks.
    pub text: Zeroizing<String>,
    /// The client's name. It need not be said, but if it is it must be the assertion's.
    pub client_id: Option<String>,
}

impl ClientAssertion {
    pub(super) fn take(form: &mut Form) -> Result<Self, RefusalCode> {
        let mut take = |name| form.take(name).map_err(|_| RefusalCode::InvalidClient);
        if take("client_assertion_type")?.as_str() != ASSERTION_TYPE {
            return Err(RefusalCode::InvalidClient);
        }
        Ok(Self {
            text: take("client_assertion")?,
            client_id: form.take_if_there("client_id").map(|id| id.to_string()),
        })
    }
}
