//! Client authentication by `private_key_jwt` (RFC 7523 section 3): who the agent is.

use std::time::Duration;

use jsonwebtoken::{Header, Validation};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::claims::{Audience, good_until};
use crate::clock::UnixTime;
use crate::key::{SigningKey, Thumbprint, VerifyingKey};
use crate::names::AgentId;

/// The `client_assertion_type` of a JWT (RFC 7523 section 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The `client_assertion_type` of a JWT-SVID (draft-ietf-oauth-spiffe-client-auth section 3.1).
pub const SPIFFE_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

/// How long a signed assertion is good for, and the longest that is accepted.
pub const LIFETIME: Duration = Duration::from_mins(1);

const LONGEST_LIFETIME: Duration = Duration::from_mins(5);
const LONGEST_ID: usize = 256;
const LONGEST_ASSERTION: usize = 8192;

/// An assertion that proves nothing. One text for every cause: the caller learns no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client assertion is not valid")]
pub struct InvalidAssertion;

/// Signs an assertion that `agent` is the caller, for the issuer alone.
///
/// # Errors
/// When the crypto library cannot sign.
pub fn sign(
    key: &SigningKey,
    agent: &AgentId,
    issuer: &Url,
    id: &str,
    now: UnixTime,
) -> Result<String, InvalidAssertion> {
    let mut header = Header::new(key.algorithm());
    header.kid = Some(key.thumbprint().as_str().to_owned());
    let claims = Claims {
        iss: agent.as_str().to_owned(),
        sub: agent.as_str().to_owned(),
        aud: Audience::One(issuer.to_string()),
        jti: id.to_owned(),
        iat: Some(now.seconds()),
        exp: (now + LIFETIME).seconds(),
    };
    jsonwebtoken::encode(&header, &claims, key.encoding_key()).map_err(|_| InvalidAssertion)
}

/// What an assertion says of itself. None of it is true before it is verified.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Claimed {
    /// Who is said to have signed. A workload's assertion need not say (SPIFFE JWT-SVID section 3).
    pub iss: Option<String>,
    /// Whom it is said to be about.
    pub sub: String,
}

impl Claimed {
    /// Reads an assertion without believing it, to learn whose keys to check it with.
    ///
    /// # Errors
    /// When it is no JWT, or is larger than any assertion has to be.
    pub fn of(assertion: &str) -> Result<Self, InvalidAssertion> {
        if assertion.len() > LONGEST_ASSERTION {
            return Err(InvalidAssertion);
        }
        jsonwebtoken::dangerous::insecure_decode_claims(assertion).map_err(|_| InvalidAssertion)
    }
}

/// A verified assertion: it was signed by this key, for this issuer, in time.
#[derive(Clone, Debug)]
#[must_use = "an assertion is good for one request: remember its id until it expires"]
pub struct Authenticated {
    /// The key that signed.
    pub key: Thumbprint,
    /// The assertion's `jti`, to be remembered until `expires`.
    pub id: String,
    /// When the assertion ends.
    pub expires: UnixTime,
}

/// Checks an assertion against one key of a client. Its `kid` decides nothing: a client names its
/// keys as it likes.
///
/// # Errors
/// When the signature, the client, the audience or the times are not right.
pub fn verify(
    assertion: &str,
    client: &str,
    key: &VerifyingKey,
    issuer: &Url,
    now: UnixTime,
) -> Result<Authenticated, InvalidAssertion> {
    let mut validation = Validation::new(key.algorithm());
    // Time is checked below, by the clock that was passed in.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
    let decoded = jsonwebtoken::decode::<Claims>(assertion, key.decoding_key(), &validation)
        .map_err(|_| InvalidAssertion)?;
    let claims = decoded.claims;
    let expires = good_until(claims.exp, [claims.iat, None], now).ok_or(InvalidAssertion)?;
    // An extension that must be understood is none that is understood here (RFC 7515 section 4.1.11).
    let right = decoded.header.crit.is_none()
        && claims.iss == client
        && claims.sub == client
        && claims.aud.only().is_some_and(|text| is_the_same(text, issuer))
        && (1..=LONGEST_ID).contains(&claims.jti.len())
        && expires.since(now) <= LONGEST_LIFETIME;
    if !right {
        return Err(InvalidAssertion);
    }
    Ok(Authenticated { key: key.thumbprint().clone(), id: claims.jti, expires })
}

/// The issuer's URL alone is taken, with or without the slash that a URL without a path ends with.
/// RFC 7523 section 3 would have the token endpoint's URL taken too; its revision does not, since
/// what names an endpoint could be meant for another server that claims it.
fn is_the_same(audience: &str, issuer: &Url) -> bool {
    audience.trim_end_matches('/') == issuer.as_str().trim_end_matches('/')
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    jti: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    exp: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

    struct Parties {
        signing: SigningKey,
        verifying: VerifyingKey,
        agent: AgentId,
        issuer: Url,
    }

    fn parties() -> Parties {
        let signing = SigningKey::ephemeral().unwrap();
        Parties {
            verifying: VerifyingKey::from_jwk(signing.public()).unwrap(),
            signing,
            agent: AgentId::new("billing-agent").unwrap(),
            issuer: Url::parse("https://issuer.example/").unwrap(),
        }
    }

    #[test]
    fn a_fresh_assertion_is_accepted() {
        let p = parties();
        let text = sign(&p.signing, &p.agent, &p.issuer, "id-1", NOW).unwrap();
        let authenticated = verify(&text, p.agent.as_str(), &p.verifying, &p.issuer, NOW).unwrap();
        assert_eq!(authenticated.id, "id-1");
        assert_eq!(Claimed::of(&text).unwrap().sub, "billing-agent");
    }

    #[test]
    fn what_is_no_assertion_claims_nothing() {
        for text in ["", "a", "a.b.c", "e30.e30.", &"a".repeat(LONGEST_ASSERTION + 1)] {
            assert_eq!(Claimed::of(text), Err(InvalidAssertion));
        }
    }

    #[test]
    fn another_agent_issuer_key_or_time_is_refused() {
        let p = parties();
        let text = sign(&p.signing, &p.agent, &p.issuer, "id-1", NOW).unwrap();
        let other_issuer = Url::parse("https://other.example/").unwrap();
        let agent = p.agent.as_str();
        let refused = |client, key: &VerifyingKey, issuer, now| {
            verify(&text, client, key, issuer, now).is_err()
        };
        let earlier = UnixTime::from_millis(NOW.millis() - 400_000);
        assert!(!refused(agent, &p.verifying, &p.issuer, NOW));
        assert!(refused("other", &p.verifying, &p.issuer, NOW));
        assert!(refused(agent, &p.verifying, &other_issuer, NOW));
        assert!(refused(agent, &parties().verifying, &p.issuer, NOW));
        assert!(refused(agent, &p.verifying, &p.issuer, NOW + LIFETIME));
        assert!(refused(agent, &p.verifying, &p.issuer, earlier));
    }
}
