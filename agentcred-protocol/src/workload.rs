//! Workloads: agents that somebody else vouches for, by a token in a file that is read again and again.

use serde::Deserialize;

use crate::assertion::{Claimed, InvalidAssertion};
use crate::claims::{Audience, good_until};
use crate::clock::UnixTime;
use crate::key_set::KeySet;

/// The longest that a workload's token may still be good for.
pub const LONGEST_LIFETIME: std::time::Duration = std::time::Duration::from_hours(24);

/// Somebody whose word on workloads is taken: a Kubernetes cluster, a SPIFFE trust domain.
///
/// # Security
/// Unlike an assertion that an agent signs, such a token is good until it ends, for whoever has it:
/// it is read from a file that a platform writes every now and then. What it opens a task for is
/// bound to the key of the proof beside it, like every other grant.
#[derive(Debug)]
pub struct WorkloadIssuer {
    issuer: Option<String>,
    trust_domain: Option<String>,
    audience: String,
}

/// A workload that a token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedWorkload {
    /// Who it is, by the name that its platform gave.
    pub subject: String,
    /// When the token ends.
    pub expires: UnixTime,
}

/// An issuer that cannot be told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWorkloadIssuer {
    /// Nothing says whose tokens are meant.
    #[error(
        "needs an `issuer`, what `iss` is in its tokens, or the `trust_domain` of their subjects"
    )]
    Nameless,
    /// The trust domain is none.
    #[error(
        "must be a SPIFFE trust domain, as corp.example: a-z, 0-9, -, _ and dots, without spiffe://"
    )]
    TrustDomain,
}

impl WorkloadIssuer {
    /// Somebody who says `issuer` of itself, or whose subjects are in a SPIFFE trust domain, or both,
    /// in tokens for `audience`.
    ///
    /// # Errors
    /// When neither is given, or the trust domain is none.
    pub fn new(
        issuer: Option<String>,
        trust_domain: Option<String>,
        audience: impl Into<String>,
    ) -> Result<Self, InvalidWorkloadIssuer> {
        if issuer.is_none() && trust_domain.is_none() {
            return Err(InvalidWorkloadIssuer::Nameless);
        }
        if trust_domain.as_ref().is_some_and(|domain| !is_trust_domain(domain)) {
            return Err(InvalidWorkloadIssuer::TrustDomain);
        }
        Ok(Self { issuer, trust_domain, audience: audience.into() })
    }

    /// Whether its subjects are SPIFFE ids, and its tokens JWT-SVIDs.
    pub fn is_spiffe(&self) -> bool {
        self.trust_domain.is_some()
    }

    /// Whether a subject can be one of its own.
    pub fn can_name(&self, subject: &str) -> bool {
        self.trust_domain.as_ref().map_or_else(
            || (1..=LONGEST_SUBJECT).contains(&subject.len()) && subject.bytes().all(is_visible),
            |domain| is_spiffe_id(subject, domain),
        )
    }

    /// Whether a token says that it is by this issuer. It says so without proof.
    pub fn is_named_by(&self, claimed: &Claimed) -> bool {
        self.issuer.as_ref().is_none_or(|issuer| claimed.iss.as_ref() == Some(issuer))
            && self.can_name(&claimed.sub)
    }

    /// Checks a token against the issuer's keys: signature, issuer, subject, audience and times (RFC
    /// 7523 section 3, SPIFFE JWT-SVID section 3). The audience must be the one that was agreed on,
    /// and no other beside it.
    ///
    /// # Errors
    /// When any of them is not right, or the token is good for more than a day from now.
    pub fn verify(
        &self,
        assertion: &str,
        keys: &KeySet,
        now: UnixTime,
    ) -> Result<AuthenticatedWorkload, InvalidAssertion> {
        let (header, claims) = keys.open::<Claims>(assertion).ok_or(InvalidAssertion)?;
        let starts = [claims.nbf, claims.iat];
        let expires = good_until(claims.exp, starts, now).ok_or(InvalidAssertion)?;
        let right = header.typ.as_deref().is_none_or(is_type)
            && self.issuer.as_ref().is_none_or(|issuer| claims.iss.as_ref() == Some(issuer))
            && self.can_name(&claims.sub)
            && claims.aud.only() == Some(&self.audience)
            && expires.since(now) <= LONGEST_LIFETIME;
        if !right {
            return Err(InvalidAssertion);
        }
        Ok(AuthenticatedWorkload { subject: claims.sub, expires })
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: String,
    aud: Audience,
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
}

/// The types that say no more than that it is a JWT, or that it authenticates a client. A proof, say,
/// is signed for something else (RFC 8725 section 3.11).
fn is_type(text: &str) -> bool {
    ["JWT", "JOSE", "client-authentication+jwt"].iter().any(|it| text.eq_ignore_ascii_case(it))
}

/// SPIFFE ID section 2.1.
fn is_trust_domain(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    (1..=255).contains(&text.len()) && text.chars().all(is_plain)
}

/// SPIFFE ID section 2.2: the path is compared byte for byte, so it has one form.
fn is_spiffe_id(text: &str, domain: &str) -> bool {
    let path = text.strip_prefix("spiffe://").and_then(|rest| rest.strip_prefix(domain));
    let is_segment = |segment: &str| {
        !["", ".", ".."].contains(&segment)
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    text.len() <= LONGEST_SPIFFE_ID
        && path
            .and_then(|path| path.strip_prefix('/'))
            .is_some_and(|path| path.split('/').all(is_segment))
}

fn is_visible(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

/// A service account of Kubernetes has up to 339: two names of its own and what stands before them.
const LONGEST_SUBJECT: usize = 512;
const LONGEST_SPIFFE_ID: usize = 2048;

#[cfg(test)]
mod tests;
