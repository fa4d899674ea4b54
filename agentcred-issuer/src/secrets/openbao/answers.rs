//! The server's answers, taken apart without a copy of what is secret in them.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::Failure;
use crate::secrets::{Secret, Unavailable, UnusableSecret};

const UNREADABLE: Failure = Failure::Unavailable(Unavailable::Unreadable);

/// A version of a secret.
pub(super) struct Read<'a> {
    fields: HashMap<String, &'a RawValue>,
    version: u64,
}

impl<'a> Read<'a> {
    pub(super) fn of(answer: &'a [u8]) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Whole<'a> {
            #[serde(borrow)]
            data: Version<'a>,
        }
        #[derive(Deserialize)]
        struct Version<'a> {
            /// None when this version was deleted.
            #[serde(borrow)]
            data: Option<HashMap<String, &'a RawValue>>,
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        struct Metadata {
            version: u64,
        }
        let whole: Whole<'a> = serde_json::from_slice(answer).map_err(|_| UNREADABLE)?;
        let fields = whole.data.data.ok_or(Failure::Missing)?;
        Ok(Self { fields, version: whole.data.metadata.version })
    }

    pub(super) fn field(&self, name: &str) -> Result<Secret, Failure> {
        let raw = self.fields.get(name).ok_or(Failure::Missing)?;
        let text: Zeroizing<String> = serde_json::from_str(raw.get())
            .map_err(|_| Failure::Unusable(UnusableSecret::NotText))?;
        Ok(secret(text)?.of_version(self.version.to_string()))
    }
}

/// A token that was given out or renewed.
pub(super) struct Token {
    pub(super) text: Secret,
    /// None when it never ends.
    pub(super) life: Option<Duration>,
    pub(super) is_renewable: bool,
}

impl Token {
    pub(super) fn of(answer: &[u8]) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Whole {
            auth: Auth,
        }
        #[derive(Deserialize)]
        struct Auth {
            client_token: Zeroizing<String>,
            lease_duration: u64,
            renewable: bool,
        }
        let Whole { auth } = serde_json::from_slice(answer).map_err(|_| UNREADABLE)?;
        let text = secret(auth.client_token)?;
        Ok(Self { text, life: life(auth.lease_duration), is_renewable: auth.renewable })
    }
}

/// What the server knows of a token.
pub(super) struct LookedUp {
    /// None when it never ends.
    pub(super) life: Option<Duration>,
    pub(super) is_renewable: bool,
}

impl LookedUp {
    pub(super) fn of(answer: &[u8]) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Whole {
            data: Known,
        }
        #[derive(Deserialize)]
        struct Known {
            ttl: u64,
            #[serde(default)]
            renewable: bool,
        }
        let Whole { data } = serde_json::from_slice(answer).map_err(|_| UNREADABLE)?;
        Ok(Self { life: life(data.ttl), is_renewable: data.renewable })
    }
}

fn life(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds).min(LONGEST_LIFE))
}

fn secret(mut text: Zeroizing<String>) -> Result<Secret, Failure> {
    let bytes = Zeroizing::new(std::mem::take(&mut *text).into_bytes());
    Secret::new(bytes).map_err(Failure::Unusable)
}

/// A token that lives longer is renewed all the same.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_with_its_version_whatever_stands_beside_it() {
        let answer = br#"{"data": {"data": {"n": 1, "key": "sk_live_\u0031", "o": {}}, "metadata":
            {"version": 7, "destroyed": false}}, "warnings": null}"#;
        let read = Read::of(answer).unwrap();
        let secret = read.field("key").unwrap();
        assert_eq!(secret.header_value("", "").unwrap(), "sk_live_1");
        assert_eq!(secret.version(), Some("7"));
        assert!(matches!(read.field("n"), Err(Failure::Unusable(UnusableSecret::NotText))));
        assert!(matches!(read.field("none"), Err(Failure::Missing)));
    }

    #[test]
    fn what_was_deleted_is_missing_and_what_has_another_form_is_no_answer() {
        let deleted = br#"{"data": {"data": null, "metadata": {"version": 2}}}"#;
        assert!(matches!(Read::of(deleted), Err(Failure::Missing)));
        // The first version of the engine has no versions, and would not be asked below `data`.
        for answer in [&br#"{"data": {"key": "sk_live_1"}}"#[..], b"{}", b"", b"<html>"] {
            assert!(matches!(Read::of(answer), Err(Failure::Unavailable(_))));
            assert!(matches!(Token::of(answer), Err(Failure::Unavailable(_))));
            assert!(matches!(LookedUp::of(answer), Err(Failure::Unavailable(_))));
        }
    }
}
