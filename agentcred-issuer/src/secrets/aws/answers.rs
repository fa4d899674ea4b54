//! AWS's answers, taken apart without a copy of what is secret in them.

use std::collections::HashMap;

use agentcred_protocol::clock::UnixTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::secrets::failure::Failure;
use crate::secrets::{Secret, Unavailable, UnusableSecret, is_path};

const UNREADABLE: Failure = Failure::Unavailable(Unavailable::Unreadable);

/// A version of a secret.
#[derive(Deserialize)]
pub(super) struct Found {
    /// None when the secret is one of bytes.
    #[serde(rename = "SecretString")]
    text: Option<Zeroizing<String>>,
    #[serde(rename = "VersionId")]
    version: String,
}

impl Found {
    pub(super) fn of(answer: &[u8]) -> Result<Self, Failure> {
        let found: Self = serde_json::from_slice(answer).map_err(|_| UNREADABLE)?;
        // It is logged.
        if is_path(&found.version) { Ok(found) } else { Err(UNREADABLE) }
    }

    /// The whole of it, or a field of the JSON object that it is.
    pub(super) fn secret(self, field: Option<&str>) -> Result<Secret, Failure> {
        let text = self.text.ok_or(Failure::Unusable(UnusableSecret::NotText))?;
        let text = match field {
            None => text,
            Some(field) => field_of(&text, field)?,
        };
        Ok(secret(text)?.of_version(self.version))
    }
}

fn field_of(text: &str, field: &str) -> Result<Zeroizing<String>, Failure> {
    let unusable = |cause| move |_| Failure::Unusable(cause);
    let fields: HashMap<String, &RawValue> =
        serde_json::from_str(text).map_err(unusable(UnusableSecret::NotObject))?;
    let raw = fields.get(field).ok_or(Failure::Missing)?;
    serde_json::from_str(raw.get()).map_err(unusable(UnusableSecret::NotText))
}

fn secret(mut text: Zeroizing<String>) -> Result<Secret, Failure> {
    let bytes = Zeroizing::new(std::mem::take(&mut *text).into_bytes());
    Secret::new(bytes).map_err(Failure::Unusable)
}

/// What an error says beyond its status, which is the same for most.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Missing,
    Denied,
    Busy,
}

impl Refusal {
    /// By the code alone: the message beside it may hold anything.
    pub(super) fn of(answer: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Whole<'a> {
            #[serde(rename = "__type", borrow)]
            code: &'a str,
        }
        let whole: Whole<'_> = serde_json::from_slice(answer).ok()?;
        let code = whole.code.rsplit('#').next()?;
        match code {
            // The second is said of a secret that is marked for deletion.
            "ResourceNotFoundException" | "InvalidRequestException" => Some(Self::Missing),
            "AccessDeniedException" | "AccessDenied" | "DecryptionFailure" => Some(Self::Denied),
            "ThrottlingException" | "TooManyRequestsException" => Some(Self::Busy),
            _ => None,
        }
    }
}

/// A key that ends by itself.
pub(super) struct Lent {
    pub(super) key: Secret,
    pub(super) ends: UnixTime,
}

impl Lent {
    /// As the metadata service of a machine gives it.
    pub(super) fn of_json(answer: &[u8]) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Whole {
            access_key_id: Zeroizing<String>,
            secret_access_key: Zeroizing<String>,
            token: Zeroizing<String>,
            expiration: String,
        }
        let whole: Whole = serde_json::from_slice(answer).map_err(|_| UNREADABLE)?;
        let parts = [&*whole.access_key_id, &*whole.secret_access_key, &*whole.token];
        Self::of(parts.map(String::as_str), &whole.expiration)
    }

    /// As the token service gives it, in XML. No value holds a character that XML escapes.
    pub(super) fn of_xml(answer: &[u8]) -> Result<Self, Failure> {
        let text = std::str::from_utf8(answer).map_err(|_| UNREADABLE)?;
        let element = |name: &str| {
            let mut parts = text.split(name);
            let (_, held, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next())
            else {
                return None;
            };
            held.strip_prefix('>')?.strip_suffix("</")
        };
        let named = |name| element(name).ok_or(UNREADABLE);
        let parts = [named("AccessKeyId")?, named("SecretAccessKey")?, named("SessionToken")?];
        Self::of(parts, named("Expiration")?)
    }

    fn of(parts: [&str; 3], ends: &str) -> Result<Self, Failure> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_.".contains(&byte);
        if !parts.iter().all(|part| !part.is_empty() && part.bytes().all(is_plain)) {
            return Err(UNREADABLE);
        }
        // Sized at once: a vector that grows would leave a copy behind.
        let room = parts.iter().map(|part| part.len() + 1).sum();
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        for (position, part) in parts.iter().enumerate() {
            if position > 0 {
                text.push(b':');
            }
            text.extend_from_slice(part.as_bytes());
        }
        let ends: jiff::Timestamp = ends.parse().map_err(|_| UNREADABLE)?;
        let millis = u64::try_from(ends.as_millisecond()).map_err(|_| UNREADABLE)?;
        let key = Secret::new(text).map_err(Failure::Unusable)?;
        Ok(Self { key, ends: UnixTime::from_millis(millis) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_field_is_read_with_its_version() {
        let read = |text: &str, field| {
            let answer =
                serde_json::json!({ "SecretString": text, "VersionId": "v-1", "ARN": "x" });
            Found::of(answer.to_string().as_bytes()).unwrap().secret(field)
        };
        let object = r#"{"key": "sk_live_\u0031", "n": 7}"#;
        let secret = read(object, Some("key")).unwrap();
        assert_eq!(secret.header_value("", "").unwrap(), "sk_live_1");
        assert_eq!(secret.version(), Some("v-1"));
        assert_eq!(read("sk_live_2", None).unwrap().header_value("", "").unwrap(), "sk_live_2");
        assert!(matches!(read(object, Some("none")), Err(Failure::Missing)));
        for (text, field) in [(object, "n"), ("sk_live_2", "key"), ("[1]", "key")] {
            assert!(matches!(read(text, Some(field)), Err(Failure::Unusable(_))), "{text}");
        }
    }

    #[test]
    fn what_has_another_form_is_no_answer() {
        let bytes = br#"{"SecretBinary": "c2tfbGl2ZV8x", "VersionId": "v-1"}"#;
        let found = Found::of(bytes).unwrap().secret(None);
        assert!(matches!(found, Err(Failure::Unusable(UnusableSecret::NotText))));
        let version = br#"{"SecretString": "sk_live_1", "VersionId": "sk_live canary"}"#;
        for answer in [&version[..], b"{}", b"", b"<html>", br#"{"SecretString": 7}"#] {
            assert!(matches!(Found::of(answer), Err(Failure::Unavailable(_))));
            assert!(matches!(Lent::of_json(answer), Err(Failure::Unavailable(_))));
            assert!(matches!(Lent::of_xml(answer), Err(Failure::Unavailable(_))));
        }
    }

    #[test]
    fn only_known_codes_mean_anything() {
        for (code, refusal) in [
            ("ResourceNotFoundException", Some(Refusal::Missing)),
            ("com.amazonaws.secretsmanager#AccessDeniedException", Some(Refusal::Denied)),
            ("ThrottlingException", Some(Refusal::Busy)),
            ("ExpiredTokenException", None),
            ("canary", None),
        ] {
            let answer = format!(r#"{{"__type": "{code}", "Message": "canary"}}"#);
            assert_eq!(Refusal::of(answer.as_bytes()), refusal, "{code}");
        }
        assert_eq!(Refusal::of(b"canary"), None);
    }

    #[test]
    fn keys_that_end_are_read_from_both_forms() {
        let json = br#"{"Code": "Success", "AccessKeyId": "ASIAEXAMPLE",
            "SecretAccessKey": "wJalr/1+2=", "Token": "IQoJ==", "Expiration": "2027-01-15T08:00:10Z"}"#;
        let xml = b"<A><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>\
            wJalr/1+2=</SecretAccessKey><SessionToken>IQoJ==</SessionToken><Expiration>\
            2027-01-15T08:00:10.000Z</Expiration></Credentials></A>";
        for lent in [Lent::of_json(json).unwrap(), Lent::of_xml(xml).unwrap()] {
            let key = lent.key.header_value("", "").unwrap();
            assert_eq!(key, "ASIAEXAMPLE:wJalr/1+2=:IQoJ==");
            assert_eq!(lent.ends, UnixTime::from_millis(1_800_000_010_000));
        }
        for (written, instead) in [
            ("<SessionToken>IQoJ==</SessionToken>", ""),
            ("IQoJ==", "IQoJ&amp;"),
            ("IQoJ==", "<b>SessionToken</b>"),
            ("2027-01-15T08:00:10.000Z", "never"),
        ] {
            let xml = String::from_utf8_lossy(xml).replace(written, instead);
            assert!(matches!(Lent::of_xml(xml.as_bytes()), Err(Failure::Unavailable(_))), "{xml}");
        }
    }

    proptest! {
        #[test]
        fn what_is_lent_in_xml_was_written_there(
            text in "(</?(AccessKeyId|SecretAccessKey|SessionToken|Expiration)>|[ -~]{0,4}){0,24}"
        ) {
            if let Ok(lent) = Lent::of_xml(text.as_bytes()) {
                let key = lent.key.header_value("", "").unwrap();
                for part in key.to_str().unwrap().split(':') {
                    let written = format!(">{part}</");
                    prop_assert!(text.contains(&written));
                }
            }
        }
    }
}
