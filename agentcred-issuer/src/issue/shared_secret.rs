//! A secret that agent and issuer share (`client_secret_basic`), in development mode alone.

use agentcred_protocol::names::AgentId;
use agentcred_protocol::refusal::RefusalCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::refused::Refused;
use crate::vault::Vault;

/// The agent whose name and secret are shown (RFC 6749 section 2.3.1).
pub(super) async fn authenticate(
    vault: &Vault,
    shown: &HeaderValue,
    client_id: Option<&str>,
) -> Result<AgentId, Refused> {
    let refuse = |reason| Refused::new(RefusalCode::InvalidClient, reason);
    let (name, secret) = read(shown).ok_or_else(|| refuse("secret_malformed"))?;
    let policy = vault.policy.load_full();
    let (id, agent) = policy.agent(&name).ok_or_else(|| refuse("unknown_agent"))?;
    let expected = agent.secret.as_ref().ok_or_else(|| refuse("agent_has_no_secret"))?;
    let expected = vault.secrets.fetch(expected).await;
    let expected = expected.map_err(|_| Refused::unavailable("agents_secret"))?;
    if !expected.is_shown(secret.as_bytes()) {
        return Err(refuse("secret_wrong"));
    }
    if client_id.is_some_and(|client| client != id.as_str()) {
        return Err(refuse("client_id_is_not_the_subject"));
    }
    Ok(id.clone())
}

/// Both halves are form-encoded before they become basic credentials.
fn read(shown: &HeaderValue) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = shown.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let (name, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((form_decoded(name)?.to_string(), form_decoded(secret)?))
}

/// What a parser of forms takes for one name without a value.
fn form_decoded(text: &str) -> Option<Zeroizing<String>> {
    if text.contains(['&', '=']) {
        return None;
    }
    let (name, _) = form_urlencoded::parse(text.as_bytes()).next()?;
    Some(Zeroizing::new(name.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> Option<(String, String)> {
        let value = format!("Basic {}", STANDARD.encode(text)).parse().unwrap();
        read(&value).map(|(name, secret)| (name, secret.to_string()))
    }

    #[test]
    fn both_halves_are_decoded_once() {
        let read = basic("an%3Aid:p%2Bs%2Fw%3Dd%3Ax%26y%2525").unwrap();
        assert_eq!(read, ("an:id".to_owned(), "p+s/w=d:x&y%25".to_owned()));
        assert_eq!(basic("a+b:c+d").unwrap(), ("a b".to_owned(), "c d".to_owned()));
    }

    #[test]
    fn what_is_no_pair_is_none() {
        for text in ["", "a", "a:", ":b", "a:b=c", "a:b&c"] {
            assert_eq!(basic(text), None, "{text}");
        }
        for value in ["Basic", "Basic !", "Bearer YTpi", "YTpi"] {
            assert!(read(&HeaderValue::from_static(value)).is_none(), "{value}");
        }
    }
}
