//! Requests of a resource server about a nonce that it was shown (RFC 7662 section 2.1).

use super::client::ClientAssertion;
use super::form::Form;
use crate::refusal::RefusalCode;
use crate::token::NonceToken;

/// Asks what a nonce is good for, or to spend a use of it.
#[derive(Debug)]
pub struct Inspection {
    /// Who asks.
    pub client: ClientAssertion,
    /// The nonce; none when the text cannot be one.
    pub nonce: Option<NonceToken>,
}

impl Inspection {
    /// Reads the body of a request to the introspection or the consumption endpoint.
    ///
    /// # Errors
    /// With the code that the caller should get.
    pub fn from_form(body: &[u8]) -> Result<Self, RefusalCode> {
        let mut form = Form::read(body)?;
        let client = ClientAssertion::take(&mut form)?;
        let mut token = form.take("token")?;
        Ok(Self { client, nonce: NonceToken::parse(std::mem::take(&mut *token)).ok() })
    }
}
