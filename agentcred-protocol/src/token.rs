//! The two secrets of the protocol, the nonce and the task grant, and the text they have.
//!
//! Both are opaque: a prefix, 43 base64url characters (256 random bits) and a checksum of 6, so
//! that scanners find a lost one and garbage is refused before any store is asked. All that a
//! token is good for is a method here, so that no other file needs its text.

use std::fmt;
use std::marker::PhantomData;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use zeroize::{Zeroize as _, Zeroizing};

use crate::scrub::Scrubber;

/// The credential for one tool call.
pub type NonceToken = Token<NonceKind>;

/// What a task mints its nonces from. It is usable only at the issuer.
pub type GrantToken = Token<GrantKind>;

/// What an operator of the issuer signs in with. Unlike the other two it is bound to no key and
/// lives until the configuration names its hash no more.
pub type OperatorToken = Token<OperatorKind>;

/// An opaque bearer of one right, bound to a proof key by the ledger.
///
/// # Security
/// It has no `Clone`, `Display`, `Serialize` or `PartialEq`; its `Debug` shows only its kind,
/// and its memory is overwritten when it is dropped.
#[must_use = "a token that nobody uses should not have been minted"]
pub struct Token<K>(Zeroizing<String>, PhantomData<K>);

/// The kind of the nonce: `acn_...`.
#[derive(Debug)]
pub enum NonceKind {}

/// The kind of the task grant: `acg_...`.
#[derive(Debug)]
pub enum GrantKind {}

/// The kind of the operator's token: `aco_...`.
#[derive(Debug)]
pub enum OperatorKind {}

/// What tells one kind of token from another.
pub trait TokenKind {
    /// The first four characters of the token's text.
    const PREFIX: &'static str;
    /// The scheme that it is sent with (RFC 9110 section 11.1).
    const SCHEME: &'static str = "DPoP";
}

impl TokenKind for NonceKind {
    const PREFIX: &'static str = "acn_";
}

impl TokenKind for GrantKind {
    const PREFIX: &'static str = "acg_";
}

impl TokenKind for OperatorKind {
    const PREFIX: &'static str = "aco_";
    const SCHEME: &'static str = "Bearer";
}

/// Text that is no token: wrong prefix, length, alphabet or checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token of this kind: its prefix, length or checksum is wrong")]
pub struct MalformedToken;

/// What the ledger keeps in place of a token: HMAC-SHA-256 under a key of that ledger.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyedHash([u8; 32]);

impl KeyedHash {
    /// The hash as bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(..)")
    }
}

/// The machine gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct NoRandomness;

impl<K: TokenKind> Token<K> {
    /// Draws a new token.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn mint(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut bits = Zeroizing::new([0_u8; 32]);
        random.fill(bits.as_mut()).map_err(|_| NoRandomness)?;
        // Sized at once: a String that grows would leave a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(TEXT_LENGTH));
        text.push_str(K::PREFIX);
        URL_SAFE_NO_PAD.encode_string(bits.as_ref(), &mut text);
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Ok(Self(text, PhantomData))
    }

    /// Reads a token that came over the wire. The text is taken over and cleared on failure.
    ///
    /// # Errors
    /// When it cannot be a token of this kind.
    pub fn parse(mut text: String) -> Result<Self, MalformedToken> {
        if Self::is_well_formed(&text) {
            Ok(Self(Zeroizing::new(text), PhantomData))
        } else {
            text.zeroize();
            Err(MalformedToken)
        }
    }

    fn is_well_formed(text: &str) -> bool {
        text.len() == TEXT_LENGTH
            && text.is_ascii()
            && text.starts_with(K::PREFIX)
            && text[PREFIX_LENGTH..]
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && checksum(&text[..TEXT_LENGTH - CHECKSUM_LENGTH])
                == text[TEXT_LENGTH - CHECKSUM_LENGTH..]
    }

    /// What a ledger with this key stores and looks up.
    pub fn keyed_hash(&self, key: &hmac::Key) -> KeyedHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(hmac::sign(key, self.0.as_bytes()).as_ref());
        KeyedHash(hash)
    }

    /// The `ath` of a proof that goes with this token (RFC 9449 section 4.2).
    pub fn proof_hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.0.as_bytes()))
    }

    /// `DPoP <token>` (RFC 9449 section 7.1), or `Bearer <token>` for an operator's, marked
    /// sensitive so that header dumps hide it.
    ///
    /// # Errors
    /// Never for a token that was minted or parsed; the type of the error is the header's.
    pub fn authorization(&self) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
        let text = Zeroizing::new(format!("{} {}", K::SCHEME, self.0.as_str()));
        let mut value = HeaderValue::from_str(&text)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Reads the token of an `Authorization` header in the form of [`Self::authorization`].
    ///
    /// # Errors
    /// When the scheme is another or the token is not one.
    pub fn from_authorization(value: &HeaderValue) -> Result<Self, MalformedToken> {
        let text = value.to_str().map_err(|_| MalformedToken)?;
        let (scheme, token) = text.split_once(' ').ok_or(MalformedToken)?;
        if !scheme.eq_ignore_ascii_case(K::SCHEME) {
            return Err(MalformedToken);
        }
        Self::parse(token.to_owned())
    }

    /// Takes this token, in every common encoding, out of what is on its way to a reader.
    pub fn scrubber(&self) -> Scrubber {
        Scrubber::new([self.0.as_bytes()])
    }

    /// The text itself, for the messages of this crate alone.
    pub(crate) fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl OperatorToken {
    /// A new token, with its text for the one file that its operator keeps.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn generate(random: &dyn SecureRandom) -> Result<(Self, Zeroizing<String>), NoRandomness> {
        let token = Self::mint(random)?;
        let text = token.0.clone();
        Ok((token, text))
    }
}

impl<K: TokenKind> fmt::Debug for Token<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}..)", K::PREFIX)
    }
}

/// CRC-32 over prefix and body, in base64url: it catches typing and truncation, not attackers.
fn checksum(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(crc32fast::hash(text.as_bytes()).to_be_bytes())
}

const PREFIX_LENGTH: usize = 4;
const CHECKSUM_LENGTH: usize = 6;
const TEXT_LENGTH: usize = PREFIX_LENGTH + 43 + CHECKSUM_LENGTH;

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use proptest::prelude::*;

    fn nonce() -> NonceToken {
        NonceToken::mint(&SystemRandom::new()).unwrap()
    }

    #[test]
    fn a_minted_token_reads_back() {
        let text = nonce().expose_secret().to_owned();
        assert_eq!(text.len(), TEXT_LENGTH);
        assert!(NonceToken::parse(text.clone()).is_ok());
        assert_eq!(GrantToken::parse(text).unwrap_err(), MalformedToken);
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let text = nonce().expose_secret().to_owned();
        for position in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            assert!(
                NonceToken::parse(String::from_utf8(bytes).unwrap()).is_err(),
                "position {position}"
            );
        }
    }

    // Leak channel 22.
    #[test]
    fn debug_shows_no_part_of_it() {
        let token = nonce();
        let shown = format!("{token:?} {:?}", token.authorization().unwrap());
        assert!(!shown.contains(&token.expose_secret()[4..16]));
    }

    #[test]
    fn each_kind_is_sent_with_its_own_scheme() {
        let (operator, _) = OperatorToken::generate(&SystemRandom::new()).unwrap();
        let header = operator.authorization().unwrap();
        assert!(header.to_str().unwrap().starts_with("Bearer aco_"));
        assert!(OperatorToken::from_authorization(&header).is_ok());
        assert!(NonceToken::from_authorization(&header).is_err());
        assert!(OperatorToken::from_authorization(&nonce().authorization().unwrap()).is_err());
    }

    #[test]
    fn another_ledger_key_gives_another_hash() {
        let token = nonce();
        let key = |byte| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
        assert_eq!(token.keyed_hash(&key(1)), token.keyed_hash(&key(1)));
        assert_ne!(token.keyed_hash(&key(1)), token.keyed_hash(&key(2)));
    }

    proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC{0,80}") {
            prop_assert!(NonceToken::parse(text).is_err());
        }
    }
}
