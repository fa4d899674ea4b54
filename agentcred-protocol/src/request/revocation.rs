//! Requests to the revocation endpoint (RFC 7009 section 2.1).

use super::form::Form;
use crate::names::ApprovalId;
use crate::refusal::RefusalCode;
use crate::token::{GrantToken, NonceToken};

/// A token that its holder wants dead.
#[derive(Debug)]
pub enum Revocation {
    /// One nonce.
    Nonce(NonceToken),
    /// A task's grant, with everything minted from it.
    Grant(GrantToken),
    /// An approval that nobody waits for any more.
    Approval(ApprovalId),
    /// Text that is no token of ours: revoked already, as far as RFC 7009 section 2.2 goes.
    Unknown,
}

impl Revocation {
    /// Reads the body of a request to the revocation endpoint.
    ///
    /// # Errors
    /// With the code that the caller should get.
    pub fn from_form(body: &[u8]) -> Result<Self, RefusalCode> {
        let token = Form::read(body)?.take("token")?;
        if let Ok(nonce) = NonceToken::parse(token.to_string()) {
            return Ok(Self::Nonce(nonce));
        }
        if let Ok(approval) = ApprovalId::new(token.as_str()) {
            return Ok(Self::Approval(approval));
        }
        Ok(GrantToken::parse(token.to_string()).map_or(Self::Unknown, Self::Grant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_counts_as_revoked() {
        assert!(matches!(Revocation::from_form(b"token=x"), Ok(Revocation::Unknown)));
        assert!(Revocation::from_form(b"").is_err());
    }
}
