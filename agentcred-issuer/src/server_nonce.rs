//! Server nonces (RFC 9449 section 8): a proof that carries one was not made long in advance.

use std::fmt;
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::token::NoRandomness;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::config::ServerNoncePolicy;
use crate::secrets::SecretStore;

/// Gives server nonces out and knows them again, without remembering any.
///
/// Time is cut into windows, and the server nonce of a window is an HMAC of it. It is good in its
/// own window and in those beside it: for one to two windows after it was given, and also at an
/// issuer with the same key whose clock is a little behind.
pub(crate) struct ServerNonces {
    key: hmac::Key,
}

impl ServerNonces {
    /// With a key that several issuers share.
    pub(crate) fn new(key: hmac::Key) -> Self {
        Self { key }
    }

    /// With a key of this process alone.
    pub(crate) fn draw(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(key.as_mut()).map_err(|_| NoRandomness)?;
        Ok(Self::new(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())))
    }

    /// As the configuration wants them. None when proofs need not carry one.
    pub(crate) async fn of(
        policy: &ServerNoncePolicy,
        secrets: &dyn SecretStore,
        random: &dyn SecureRandom,
    ) -> Result<Option<Self>, UnusableServerNonceKey> {
        Ok(match policy {
            ServerNoncePolicy::Off => None,
            ServerNoncePolicy::Drawn => {
                Some(Self::draw(random).map_err(|_| UnusableServerNonceKey)?)
            }
            ServerNoncePolicy::Shared(reference) => {
                let secret = secrets.fetch(reference).await.map_err(|_| UnusableServerNonceKey)?;
                Some(Self::new(secret.hmac_key().map_err(|_| UnusableServerNonceKey)?))
            }
        })
    }

    /// The server nonce that the next proof should carry, as a header.
    pub(crate) fn header(&self, now: UnixTime) -> Option<HeaderValue> {
        let tag = hmac::sign(&self.key, &message(window(now)));
        HeaderValue::from_str(&URL_SAFE_NO_PAD.encode(tag)).ok()
    }

    /// Whether this is a server nonce that was given out not long ago.
    pub(crate) fn accept(&self, text: &str, now: UnixTime) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(text) else { return false };
        let now = window(now);
        [now, now.saturating_sub(1), now + 1]
            .iter()
            .any(|window| hmac::verify(&self.key, &message(*window), &tag).is_ok())
    }
}

/// There is no key for server nonces.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("there is no key for server nonces; `agentcred-issuer check` says why")]
pub struct UnusableServerNonceKey;

impl fmt::Debug for ServerNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerNonces(..)")
    }
}

fn window(time: UnixTime) -> u64 {
    time.seconds() / WINDOW.as_secs()
}

/// The label keeps a shared key from saying anything about another use of it.
fn message(window: u64) -> [u8; LABEL.len() + 8] {
    let mut message = [0; LABEL.len() + 8];
    message[..LABEL.len()].copy_from_slice(LABEL);
    message[LABEL.len()..].copy_from_slice(&window.to_be_bytes());
    message
}

const WINDOW: Duration = Duration::from_mins(2);
const LABEL: &[u8; 23] = b"agentcred server nonce\0";

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;

    const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

    fn nonces() -> ServerNonces {
        ServerNonces::draw(&SystemRandom::new()).unwrap()
    }

    fn given(nonces: &ServerNonces, now: UnixTime) -> String {
        nonces.header(now).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_server_nonce_is_good_for_one_to_two_windows() {
        let nonces = nonces();
        for offset in [0, 1, 60, 119] {
            let then = NOW + Duration::from_secs(offset);
            let text = given(&nonces, then);
            assert!(nonces.accept(&text, then));
            assert!(nonces.accept(&text, then + WINDOW));
            assert!(!nonces.accept(&text, then + WINDOW + WINDOW));
        }
    }

    #[test]
    fn a_clock_that_is_a_little_behind_accepts_it_and_one_far_behind_does_not() {
        let nonces = nonces();
        let text = given(&nonces, NOW + WINDOW);
        assert!(nonces.accept(&text, NOW));
        assert!(!nonces.accept(&given(&nonces, NOW + WINDOW + WINDOW), NOW));
    }

    #[test]
    fn only_who_shares_the_key_accepts_it() {
        let key = || hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let text = given(&ServerNonces::new(key()), NOW);
        assert!(ServerNonces::new(key()).accept(&text, NOW));
        assert!(!nonces().accept(&text, NOW));
    }

    #[test]
    fn what_was_never_given_out_is_refused() {
        let nonces = nonces();
        let text = given(&nonces, NOW);
        for text in ["", "a", "\u{0}", &text[1..], &format!("{text}A"), &"A".repeat(43)] {
            assert!(!nonces.accept(text, NOW), "{text}");
        }
    }
}
