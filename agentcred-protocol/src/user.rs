//! Users on whose behalf agents work: the token that names one, and whom it is believed from.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::claims::{Audience, good_until};
use crate::clock::UnixTime;
use crate::key_set::KeySet;

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

    /// Whether a key of this set may have signed it, by the name that it gives its key.
    pub fn may_be_signed_by(&self, keys: &KeySet) -> bool {
        keys.has_key_of(&self.0)
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

/// Somebody whose word on users is taken: its name, and for whom its tokens must be made.
#[derive(Debug)]
pub struct UserIssuer {
    issuer: String,
    audience: String,
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
    /// Somebody who says `issuer` of itself in tokens for `audience`.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), audience: audience.into() }
    }

    /// Whether a token says that it is by this issuer. It says so without proof.
    pub fn is_named_by(&self, token: &UserToken) -> bool {
        #[derive(Deserialize)]
        struct Claimed {
            iss: String,
        }
        jsonwebtoken::dangerous::insecure_decode_claims::<Claimed>(token.0.as_str())
            .is_ok_and(|claimed| claimed.iss == self.issuer)
    }

    /// Checks a token against the issuer's keys: signature, issuer, audience and times (RFC 7519
    /// section 7.2).
    ///
    /// # Errors
    /// When any of them is not right.
    pub fn verify(
        &self,
        token: &UserToken,
        keys: &KeySet,
        now: UnixTime,
    ) -> Result<AuthenticatedUser, InvalidUserToken> {
        let (_, claims) = keys.open::<Claims>(token.0.as_str()).ok_or(InvalidUserToken)?;
        let starts = [claims.nbf, claims.iat];
        let expires = good_until(claims.exp, starts, now).ok_or(InvalidUserToken)?;
        let right = claims.iss == self.issuer
            && claims.aud.names(&self.audience)
            && (1..=LONGEST_SUBJECT).contains(&claims.sub.len())
            && claims.sub.bytes().all(|byte| byte.is_ascii_graphic());
        if !right {
            return Err(InvalidUserToken);
        }
        Ok(AuthenticatedUser { subject: claims.sub, expires })
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

/// In bytes.
const LONGEST_TOKEN: usize = 16 * 1024;
/// In characters, as `OpenID` Connect Core section 2 has it.
const LONGEST_SUBJECT: usize = 255;

#[cfg(test)]
mod tests;
