//! Secrets: real keys, where they come from, and all that may be done with one.

mod cache;
mod env;
mod file;
mod forms;
mod ledger;
mod local;
mod versions;

use std::fmt;
use std::path::{Path, PathBuf};

use agentcred_protocol::scrub::Scrubber;
use async_trait::async_trait;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

pub(crate) use cache::{Cache, Fetched, Times};
pub(crate) use file::read as read_private;
#[cfg(test)]
pub(crate) use file::tests::write_private;
pub use local::LocalSecrets;
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

/// Where a secret is kept. The configuration holds references and never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecretRef {
    /// An environment variable of the issuer: `env:NAME`.
    Env(String),
    /// A file that only the issuer's user can read: `file:PATH`.
    File(PathBuf),
}

impl SecretRef {
    /// Reads a reference. The text is never repeated: it may be a key that was put in the
    /// wrong place.
    pub(crate) fn read(text: &str, folder: &Path) -> Result<Self, &'static str> {
        match text.split_once(':') {
            Some(("env", name)) if is_variable_name(name) => Ok(Self::Env(name.to_owned())),
            Some(("env", _)) => Err("must name a variable after env:, as env:STRIPE_KEY"),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(folder.join(path))),
            Some(("file", _)) => Err("must name a file after file:"),
            _ => Err("must say where the key is kept, as env:NAME or file:PATH; if this is the \
                      key itself, take it out of the configuration and change it"),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
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
        Ok(Self { scrubber: Scrubber::new(parts(&text)), text })
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

/// Text that cannot serve as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableSecret {
    /// Shorter than what can be searched for in answers.
    #[error("is shorter than {} bytes; too short to be a key", Scrubber::SHORTEST_SECRET)]
    TooShort,
    /// Shorter than a key for server nonces must be.
    #[error("is shorter than {SHORTEST_HMAC_KEY} bytes; `openssl rand -hex 32` makes a good one")]
    TooWeak,
    /// Longer than a header takes.
    #[error("is longer than {LONGEST_SECRET} bytes")]
    TooLong,
    /// It holds a space, a control character or a byte beyond ASCII.
    #[error("holds a character other than visible ASCII; is there a stray line or space?")]
    NotPrintable,
    /// A user name ends at its first colon (RFC 7617 section 2).
    #[error("holds a colon, which no user name may")]
    HasColon,
    /// It is not made of the parts that a signature for AWS needs.
    #[error("is no key of AWS: it must be ID:SECRET or ID:SECRET:SESSION_TOKEN")]
    NotAwsKey,
}

/// A secret that cannot be had. It names the place and never the content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Nothing is there.
    #[error("{reference} is not set")]
    Missing {
        /// The place.
        reference: SecretRef,
    },
    /// It is there and cannot be read.
    #[error("{reference} cannot be read: {source}")]
    Unreadable {
        /// The place.
        reference: SecretRef,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others on the machine can read it too.
    #[error("{reference} can be read by others; allow its owner only: chmod 600")]
    Exposed {
        /// The place.
        reference: SecretRef,
    },
    /// What is there is no key.
    #[error("{reference} {cause}")]
    Unusable {
        /// The place.
        reference: SecretRef,
        /// Why.
        cause: UnusableSecret,
    },
    /// This store knows no such kind of place.
    #[error("{reference} is not a place that this store knows")]
    Unsupported {
        /// The place.
        reference: SecretRef,
    },
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

    #[test]
    fn a_key_in_place_of_a_reference_is_refused_and_not_repeated() {
        let folder = Path::new("/etc/agentcred");
        for text in ["sk_live_canary", "vault:x", "env:", "env:A B", "file:", ""] {
            let message = SecretRef::read(text, folder).unwrap_err();
            assert!(!message.contains("canary"), "{message}");
        }
        assert_eq!(
            SecretRef::read("file:key", folder).unwrap().to_string(),
            "file:/etc/agentcred/key"
        );
    }
}
