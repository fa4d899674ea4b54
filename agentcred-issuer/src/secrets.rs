//! Secrets: real keys, where they come from, and all that may be done with one.

mod aws;
mod backoff;
mod cache;
#[cfg(test)]
mod client;
mod env;
mod error;
mod failure;
mod file;
mod forms;
mod ledger;
mod local;
mod openbao;
mod reference;
#[cfg(test)]
mod stand_in;
mod stores;
#[cfg(test)]
mod suite;
mod versions;

use std::fmt;

use agentcred_protocol::scrub::Scrubber;
use async_trait::async_trait;
use aws_lc_rs::{constant_time, hmac};
use zeroize::Zeroizing;

pub(crate) use aws::{AwsConfig, AwsLogin};
pub(crate) use cache::{Cache, Fetched, Times};
pub use error::{SecretError, Unavailable, UnusableSecret};
pub(crate) use file::read as read_private;
#[cfg(test)]
pub(crate) use file::tests::write_private;
pub use local::LocalSecrets;
pub(crate) use openbao::{Login, OpenBaoConfig};
pub use reference::SecretRef;
pub(crate) use reference::is_path;
pub(crate) use stores::{StoreParts, Stores, StoresConfig};
pub(crate) use versions::Versions;

/// Gives out real keys. What it gives is kept for the time that the configuration says, and it
/// is asked again when an upstream refuses a key.
#[async_trait]
pub trait SecretStore: fmt::Debug + Send + Sync + 'static {
    /// The secret that a reference names.
    ///
    /// # Errors
    /// When there is none, or what is there cannot be one.
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError>;
}

/// A real key.
///
/// # Security
/// It has no `Clone`, `Debug` of its content, `Display`, `Serialize` or `PartialEq`, and no
/// method gives its text out. Its own memory is overwritten when it is dropped; the header
/// that it is sent in and the search forms of its scrubber are not.
pub struct Secret {
    text: Zeroizing<Vec<u8>>,
    scrubber: Scrubber,
    version: Option<String>,
}

impl Secret {
    /// Takes a key. One newline at its end is dropped, since editors and `echo` leave one.
    ///
    /// # Errors
    /// When it is too short, too long or no header could hold it.
    pub fn new(mut text: Zeroizing<Vec<u8>>) -> Result<Self, UnusableSecret> {
        if text.last() == Some(&b'\n') {
            text.pop();
            if text.last() == Some(&b'\r') {
                text.pop();
            }
        }
        if text.len() < Scrubber::SHORTEST_SECRET {
            return Err(UnusableSecret::TooShort);
        }
        if text.len() > LONGEST_SECRET {
            return Err(UnusableSecret::TooLong);
        }
        if !text.iter().all(u8::is_ascii_graphic) {
            return Err(UnusableSecret::NotPrintable);
        }
        Ok(Self { scrubber: Scrubber::new(parts(&text)), text, version: None })
    }

    /// The same key, with what its store calls this version of it. That is no secret.
    #[must_use]
    pub fn of_version(self, version: String) -> Self {
        Self { version: Some(version), ..self }
    }

    /// What its store calls this version of it, when the store counts them.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Takes the key out of what comes back.
    pub(crate) fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }

    /// A key for what several issuers share: server nonces, the hashes of a ledger.
    pub(crate) fn hmac_key(&self) -> Result<hmac::Key, UnusableSecret> {
        if self.text.len() < SHORTEST_HMAC_KEY {
            return Err(UnusableSecret::TooWeak);
        }
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &self.text))
    }

    /// Takes all of these out of what comes back.
    pub(crate) fn joint_scrubber<'s>(secrets: impl IntoIterator<Item = &'s Self>) -> Scrubber {
        Scrubber::new(secrets.into_iter().flat_map(Self::parts))
    }

    /// The key, and each part of one that is made of several: `id:secret`.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        parts(&self.text)
    }

    /// Whether a caller shows this very secret. How long that takes does not say where it differs.
    pub(crate) fn is_shown(&self, shown: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.text, shown).is_ok()
    }

    /// Whether both are the same key. Both are this side's own, so time tells nobody anything.
    fn is(&self, other: &Self) -> bool {
        *self.text == *other.text
    }
}

fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = text.split(|byte| *byte == b':').filter(|part| part.len() < text.len());
    std::iter::once(text).chain(parts)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The longest secret, in bytes. Servers take headers of 8 KiB, and some formats add to it.
const LONGEST_SECRET: usize = 4096;
const SHORTEST_HMAC_KEY: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &[u8]) -> Result<Secret, UnusableSecret> {
        Secret::new(Zeroizing::new(text.to_vec()))
    }

    #[test]
    fn one_newline_at_the_end_is_dropped() {
        for text in [&b"sk_live_1"[..], b"sk_live_1\n", b"sk_live_1\r\n"] {
            let secret = secret(text).unwrap();
            assert_eq!(secret.header_value("Bearer ", "").unwrap(), "Bearer sk_live_1");
            assert!(secret.is(&self::secret(b"sk_live_1").unwrap()));
            assert!(!secret.is(&self::secret(b"sk_live_2").unwrap()));
        }
        assert_eq!(secret(b"sk_live_1\n\n").unwrap_err(), UnusableSecret::NotPrintable);
    }

    #[test]
    fn what_cannot_be_a_key_is_refused() {
        assert_eq!(secret(b"").unwrap_err(), UnusableSecret::TooShort);
        assert_eq!(secret(b"1234567\n").unwrap_err(), UnusableSecret::TooShort);
        assert_eq!(secret(b"1234 5678").unwrap_err(), UnusableSecret::NotPrintable);
        assert_eq!(secret(b"sk_live\r\nx: y").unwrap_err(), UnusableSecret::NotPrintable);
        assert_eq!(secret(&[b'a'; 4097]).unwrap_err(), UnusableSecret::TooLong);
    }

    #[test]
    fn each_part_of_a_key_is_searched_for() {
        let secret = secret(b"AKIDEXAMPLE:wJalrXUtnFEMI").unwrap();
        for text in ["AKIDEXAMPLE:wJalrXUtnFEMI", "AKIDEXAMPLE", "d0phbHJYVXRuRkVNSQ"] {
            assert!(secret.scrubber().finds(text.as_bytes()), "{text}");
        }
        assert!(!secret.scrubber().finds(b"AKIDEX"));
    }

    #[test]
    fn nothing_that_is_shown_holds_the_key() {
        let secret = secret(b"sk_live_canary").unwrap();
        let value = secret.header_value("Bearer ", "").unwrap();
        assert!(!format!("{secret:?} {value:?}").contains("canary"));
    }
}
