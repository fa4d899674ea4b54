//! Client authentication by `private_key_jwt` (RFC 7523 section 3): who the agent is.

use std::time::Duration;

use jsonwebtoken::{Header, Validation};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::clock::UnixTime;
use crate::key::{SigningKey, Thumbprint, VerifyingKey};
use crate::names::AgentId;

/// The `client_assertion_type` of a JWT (RFC 7523 section 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long a signed assertion is good for, and the longest that is accepted.
pub const LIFETIME: Duration = Duration::from_mins(1);

const LONGEST_LIFETIME: Duration = Duration::from_mins(5);
const CLOCK_SKEW: Duration = Duration::from_secs(30);
const LONGEST_ID: usize = 256;

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

/// The thumbprint that an assertion names as its key's, when it names one. A hint for finding
/// the key and nothing more.
pub fn key_hint(assertion: &str) -> Option<String> {
    jsonwebtoken::decode_header(assertion).ok()?.kid
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

/// Checks an assertion against one key of `agent`.
///
/// # Errors
/// When the signature, the agent, the audience or the times are not right.
pub fn verify(
    assertion: &str,
    agent: &AgentId,
    key: &VerifyingKey,
    issuer: &Url,
    now: UnixTime,
) -> Result<Authenticated, InvalidAssertion> {
    let mut validation = Validation::new(key.algorithm());
    // Time is checked below, by the clock that was passed in.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
    let claims = jsonwebtoken::decode::<Claims>(assertion, key.decoding_key(), &validation)
        .map_err(|_| InvalidAssertion)?
        .claims;
    let expires = UnixTime::from_millis(claims.exp.saturating_mul(1000));
    let right = claims.iss == agent.as_str()
        && claims.sub == agent.as_str()
        && claims.aud.is_only(issuer)
        && (1..=LONGEST_ID).contains(&claims.jti.len())
        && expires > now
        && expires.since(now) <= LONGEST_LIFETIME
        && claims.iat.is_none_or(|iat| iat <= (now + CLOCK_SKEW).seconds());
    if !right {
        return Err(InvalidAssertion);
    }
    Ok(Authenticated { key: key.thumbprint().clone(), id: claims.jti, expires })
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

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// An assertion for two audiences could be replayed by one at the other.
    fn is_only(&self, issuer: &Url) -> bool {
        let same = |text: &str| text.trim_end_matches('/') == issuer.as_str().trim_end_matches('/');
        match self {
            Self::One(text) => same(text),
            Self::Many(texts) => matches!(texts.as_slice(), [text] if same(text)),
        }
    }
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
        let authenticated = verify(&text, &p.agent, &p.verifying, &p.issuer, NOW).unwrap();
        assert_eq!(authenticated.id, "id-1");
        assert_eq!(key_hint(&text).as_deref(), Some(p.signing.thumbprint().as_str()));
    }

    #[test]
    fn another_agent_issuer_key_or_time_is_refused() {
        let p = parties();
        let text = sign(&p.signing, &p.agent, &p.issuer, "id-1", NOW).unwrap();
        let other_agent = AgentId::new("other").unwrap();
        let other_issuer = Url::parse("https://other.example/").unwrap();
        assert!(verify(&text, &other_agent, &p.verifying, &p.issuer, NOW).is_err());
        assert!(verify(&text, &p.agent, &p.verifying, &other_issuer, NOW).is_err());
        assert!(verify(&text, &p.agent, &parties().verifying, &p.issuer, NOW).is_err());
        assert!(verify(&text, &p.agent, &p.verifying, &p.issuer, NOW + LIFETIME).is_err());
        assert!(
            verify(
                &text,
                &p.agent,
                &p.verifying,
                &p.issuer,
                UnixTime::from_millis(NOW.millis() - 400_000)
            )
            .is_err()
        );
    }
}
