//! The hash that joins a model's tool call to what was requested with it.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::names::NameError;

/// SHA-256 over a call's arguments in canonical JSON (RFC 8785), written `sha-256:` and 43
/// base64url characters. It goes into the audit in place of the arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArgumentsHash(String);

impl ArgumentsHash {
    /// Hashes arguments. The order of keys does not matter.
    pub fn of(arguments: &serde_json::Value) -> Self {
        // A JSON value always has a canonical form: its keys are strings, its numbers finite.
        let canonical = serde_json_canonicalizer::to_vec(arguments).unwrap_or_default();
        Self(format!(
            "{PREFIX}{}",
            URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &canonical))
        ))
    }

    /// Reads a hash that came over the wire.
    ///
    /// # Errors
    /// When it is not written as this type says.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let body = text.strip_prefix(PREFIX).unwrap_or_default();
        let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if body.len() == 43 && body.bytes().all(base64url) {
            Ok(Self(text))
        } else {
            Err(NameError { word: "args_hash", rule: "sha-256: and 43 base64url characters" })
        }
    }
}

impl fmt::Display for ArgumentsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ArgumentsHash {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<ArgumentsHash> for String {
    fn from(hash: ArgumentsHash) -> String {
        hash.0
    }
}

const PREFIX: &str = "sha-256:";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_matter_and_values_do() {
        let one = ArgumentsHash::of(&json!({"a": 1, "b": [true, null]}));
        assert_eq!(one, ArgumentsHash::of(&json!({"b": [true, null], "a": 1})));
        assert_ne!(one, ArgumentsHash::of(&json!({"a": 2, "b": [true, null]})));
    }

    #[test]
    fn the_hash_of_no_arguments_is_that_of_two_braces() {
        // printf '{}' | sha256sum
        let hash = ArgumentsHash::of(&json!({}));
        assert_eq!(hash.to_string(), "sha-256:RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o");
        assert_eq!(ArgumentsHash::new(hash.to_string()).unwrap(), hash);
        assert!(ArgumentsHash::new("sha-256:short").is_err());
    }
}
