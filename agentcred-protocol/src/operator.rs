//! What an operator's token is known by: its hash, which may stand in a configuration.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::token::OperatorToken;

/// SHA-256 over an operator's token, written `sha-256:` and 43 base64url characters.
///
/// The token holds 256 random bits, so nobody finds it from its hash, and a plain hash does.
#[derive(Clone)]
pub struct OperatorHash(String);

/// Text that is no hash of an operator's token. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedHash {
    /// The token itself stands where its hash belongs.
    #[error(
        "holds a token and not its hash; take it out, make another one with \
         `agentcred-issuer keygen --operator`, and put what that prints here"
    )]
    Token,
    /// Any other text.
    #[error(
        "must be sha-256: and 43 base64url characters, as `agentcred-issuer keygen --operator` prints it"
    )]
    Other,
}

impl OperatorHash {
    /// The hash of a token.
    pub fn of(token: &OperatorToken) -> Self {
        Self(token.proof_hash())
    }

    /// Whether it is the hash of this token. How long that takes says nothing of either.
    pub fn is_of(&self, token: &OperatorToken) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), token.proof_hash().as_bytes()).is_ok()
    }
}

impl FromStr for OperatorHash {
    type Err = MalformedHash;

    fn from_str(text: &str) -> Result<Self, MalformedHash> {
        if OperatorToken::parse(text.to_owned()).is_ok() {
            return Err(MalformedHash::Token);
        }
        let body = text.strip_prefix(PREFIX).ok_or(MalformedHash::Other)?;
        let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if body.len() == 43 && body.bytes().all(base64url) {
            Ok(Self(body.to_owned()))
        } else {
            Err(MalformedHash::Other)
        }
    }
}

impl fmt::Display for OperatorHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl fmt::Debug for OperatorHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const PREFIX: &str = "sha-256:";

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;

    #[test]
    fn a_hash_is_of_its_token_and_of_no_other() {
        let token = || OperatorToken::mint(&SystemRandom::new()).unwrap();
        let (one, other) = (token(), token());
        let hash: OperatorHash = OperatorHash::of(&one).to_string().parse().unwrap();
        assert!(hash.is_of(&one) && !hash.is_of(&other));
    }

    #[test]
    fn a_token_in_place_of_its_hash_is_named_and_not_repeated() {
        let (_, text) = OperatorToken::generate(&SystemRandom::new()).unwrap();
        let refused = text.parse::<OperatorHash>().unwrap_err();
        assert_eq!(refused, MalformedHash::Token);
        assert!(!refused.to_string().contains(&text[8..20]));
        for text in ["", "sha-256:", "sha-256:short", "RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o"]
        {
            assert_eq!(text.parse::<OperatorHash>().unwrap_err(), MalformedHash::Other);
        }
    }
}
