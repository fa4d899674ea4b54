//! Users on whose behalf agents work: the token that names one, and whom it is believed from.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::clock::UnixTime;

/// What a user's login gave the agent: a JWT that says who the user is, as an ID token of `OpenID`
/// Connect or a JWT access token (RFC 9068).
///
/// # Security
/// It is sent to the issuer once, when a task is opened, and to nobody else. It has no `Clone`,
/// `Display`, `Serialize` or `PartialEq`, and its memory is overwritten when it is dropped.
pub struct UserToken(Zeroizing<String>);

/// Text that is no JWT. It is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user's token is no JWT: three parts of base64url with dots between, at most 16 KiB")]
pub struct NotAToken;

impl UserToken {
    /// Takes a token.
    ///
    /// # Errors
    /// When it has not the form of a signed JWT (RFC 7515 section 7.1) or is longer than 16 KiB.
    pub fn new(text: impl Into<String>) -> Result<Self, NotAToken> {
        let text = Zeroizing::new(text.into());
        let is_part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let is_jwt = text.split('.').count() == 3 && text.split('.').all(is_part);
        if is_jwt && text.len() <= LONGEST_TOKEN { Ok(Self(text)) } else { Err(NotAToken) }
    }

    /// For the form that asks for a task, and nothing else.
    pub(crate) fn as_form_value(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserToken(..)")
    }
}

/// Somebody whose word on users is taken: its name, for whom its tokens must be made, and the
/// keys that it signs them with.
#[derive(Debug)]
pub struct UserIssuer {
    issuer: String,
    audience: String,
    keys: Vec<UserKey>,
}

struct UserKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key set (RFC 7517 section 5) that users cannot be told by.
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

/// A token that proves nothing. One text for every cause: the caller learns no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user's token is not valid")]
pub struct InvalidUserToken;

/// A user that a token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedUser {
    /// Who it is, by the name that the user's issuer gave (RFC 7519 section 4.1.2).
    pub subject: String,
    /// When the token ends.
    pub expires: UnixTime,
}

impl UserIssuer {
    /// Somebody who signs tokens with a key of this set (RFC 7517), of which those for encryption
    /// and of unknown kinds are left out.
    ///
    /// # Errors
    /// When the text is no key set, holds no usable key, or one that should be secret.
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        key_set: &str,
    ) -> Result<Self, KeySetError> {
        let json: serde_json::Value =
            serde_json::from_str(key_set).map_err(|_| KeySetError::Malformed)?;
        let members = json["keys"].as_array().ok_or(KeySetError::Malformed)?;
        if members.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
            return Err(KeySetError::Private);
        }
        if members.len() > MOST_KEYS {
            return Err(KeySetError::TooMany);
        }
        let known = members.iter().filter_map(|key| serde_json::from_value(key.clone()).ok());
        let keys: Vec<_> = known.filter_map(|jwk: Jwk| UserKey::of(&jwk)).collect();
        if keys.is_empty() {
            return Err(KeySetError::NoKeys);
        }
        Ok(Self { issuer: issuer.into(), audience: audience.into(), keys })
    }

    /// Checks a token: signature, issuer, audience and times (RFC 7519 section 7.2).
    ///
    /// # Errors
    /// When any of them is not right.
    pub fn verify(
        &self,
        token: &UserToken,
        now: UnixTime,
    ) -> Result<AuthenticatedUser, InvalidUserToken> {
        let header = jsonwebtoken::decode_header(token.0.as_str()).map_err(|_| InvalidUserToken)?;
        let named = |key: &&UserKey| match (&header.kid, &key.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        let claims = self
            .keys
            .iter()
            .filter(named)
            .filter(|key| key.algorithms.contains(&header.alg))
            .find_map(|key| key.claims_of(token, header.alg))
            .ok_or(InvalidUserToken)?;
        let expires = UnixTime::from_millis(claims.exp.saturating_mul(1000));
        let latest_start = (now + CLOCK_SKEW).seconds();
        let right = claims.iss == self.issuer
            && claims.aud.names(&self.audience)
            && expires > now
            && claims.nbf.is_none_or(|start| start <= latest_start)
            && claims.iat.is_none_or(|start| start <= latest_start)
            && (1..=LONGEST_SUBJECT).contains(&claims.sub.len())
            && claims.sub.bytes().all(|byte| byte.is_ascii_graphic());
        if !right {
            return Err(InvalidUserToken);
        }
        Ok(AuthenticatedUser { subject: claims.sub, expires })
    }
}

impl UserKey {
    fn of(jwk: &Jwk) -> Option<Self> {
        if jwk.common.public_key_use.as_ref().is_some_and(|it| *it != PublicKeyUse::Signature) {
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

    fn claims_of(&self, token: &UserToken, algorithm: Algorithm) -> Option<Claims> {
        let mut validation = Validation::new(algorithm);
        // Times and audience are checked by the caller, by the clock that was passed in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
        let decoded = jsonwebtoken::decode::<Claims>(token.0.as_str(), &self.key, &validation);
        Some(decoded.ok()?.claims)
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(text) => text == audience,
            Self::Many(texts) => texts.iter().any(|text| text == audience),
        }
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
/// In bytes.
const LONGEST_TOKEN: usize = 16 * 1024;
/// In characters, as `OpenID` Connect Core section 2 has it.
const LONGEST_SUBJECT: usize = 255;
const MOST_KEYS: usize = 32;
const CLOCK_SKEW: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
