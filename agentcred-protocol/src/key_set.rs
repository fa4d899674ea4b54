//! Key sets (RFC 7517 section 5): the public keys of somebody whose tokens are believed.

use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::DeserializeOwned;

/// The keys that somebody signs tokens with.
#[derive(Debug)]
pub struct KeySet(Vec<PublicKey>);

struct PublicKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key set that no token can be checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// It is not one.
    #[error("is no JSON Web Key Set")]
    Malformed,
    /// It holds a key with a private part, or a shared secret.
    #[error("holds a private key; take the public half")]
    Private,
    /// It holds no key that signatures can be checked with.
    #[error("holds no public P-256, P-384, Ed25519 or RSA key for signatures")]
    NoKeys,
    /// It holds too many.
    #[error("holds more than 32 keys")]
    TooMany,
}

impl KeySet {
    /// Reads a key set. Keys for encryption, of other protocols and of unknown kinds are left out;
    /// those of a SPIFFE trust domain that sign JWT-SVIDs are not (SPIFFE Trust Domain and Bundle
    /// section 4.1).
    ///
    /// # Errors
    /// When the text is no key set, holds no usable key, or one that should be secret.
    pub fn read(text: &str) -> Result<Self, KeySetError> {
        let json: serde_json::Value =
            serde_json::from_str(text).map_err(|_| KeySetError::Malformed)?;
        let members = json["keys"].as_array().ok_or(KeySetError::Malformed)?;
        if members.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
            return Err(KeySetError::Private);
        }
        if members.len() > MOST_KEYS {
            return Err(KeySetError::TooMany);
        }
        let known = members.iter().filter_map(|key| serde_json::from_value(key.clone()).ok());
        let keys: Vec<_> = known.filter_map(|jwk: Jwk| PublicKey::of(&jwk)).collect();
        if keys.is_empty() { Err(KeySetError::NoKeys) } else { Ok(Self(keys)) }
    }

    /// Whether a key of this set may have signed a token, by the name that the token gives its key
    /// (`kid`). What names no key, or is no token, is not worth asking for newer keys.
    pub fn has_key_of(&self, token: &str) -> bool {
        let Ok(Header { kid: Some(kid), .. }) = jsonwebtoken::decode_header(token) else {
            return true;
        };
        self.0.iter().any(|key| key.id.as_ref().is_none_or(|id| *id == kid))
    }

    /// The header and the claims of a token that one of these keys signed.
    pub(crate) fn open<C: DeserializeOwned>(&self, token: &str) -> Option<(Header, C)> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        // An extension that must be understood is none that is understood here (RFC 7515 section 4.1.11).
        if header.crit.is_some() {
            return None;
        }
        let named = |key: &&PublicKey| match (&header.kid, &key.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        let mut candidates = self.0.iter().filter(named);
        let claims = candidates.find_map(|key| key.claims_of(token, header.alg))?;
        Some((header, claims))
    }
}

impl PublicKey {
    fn of(jwk: &Jwk) -> Option<Self> {
        let is_for_tokens = match &jwk.common.public_key_use {
            None | Some(PublicKeyUse::Signature) => true,
            Some(PublicKeyUse::Other(other)) => other == "jwt-svid",
            Some(PublicKeyUse::Encryption) => false,
        };
        if !is_for_tokens {
            return None;
        }
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                vec![Algorithm::ES256]
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {
                vec![Algorithm::ES384]
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                vec![Algorithm::EdDSA]
            }
            AlgorithmParameters::RSA(_) => RSA_ALGORITHMS.to_vec(),
            _ => return None,
        };
        // A key that says what it is for is used for nothing else (RFC 7517 section 4.4).
        if let Some(only) = jwk.common.key_algorithm {
            algorithms.retain(|algorithm| format!("{algorithm:?}") == only.to_string());
        }
        if algorithms.is_empty() {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self { id: jwk.common.key_id.clone(), algorithms, key })
    }

    fn claims_of<C: DeserializeOwned>(&self, token: &str, algorithm: Algorithm) -> Option<C> {
        if !self.algorithms.contains(&algorithm) {
            return None;
        }
        let mut validation = Validation::new(algorithm);
        // Times and audience are checked by the caller, by the clock that was passed in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "sub", "aud"]);
        Some(jsonwebtoken::decode::<C>(token, &self.key, &validation).ok()?.claims)
    }
}

const RSA_ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];
const MOST_KEYS: usize = 32;

#[cfg(test)]
mod tests;
