//! The names in a message: services, agents, tasks, tools, calls and nonce ids.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Text that is not the word it was meant to be. It names the word and its rule and never
/// repeats the text, which may come from a hostile caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word} must be {rule}")]
pub struct NameError {
    /// Which word was refused, as `service`.
    pub word: &'static str,
    /// The rule that it broke.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $word:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads the name.
            ///
            /// # Errors
            /// When the text breaks the rule stated at the type.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let follows_the_rule: fn(&str) -> bool = $check;
                if follows_the_rule(&text) {
                    Ok(Self(text))
                } else {
                    Err(NameError { word: $word, rule: $rule })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name!(
    /// A credentialed API, as `stripe`: `[a-z][a-z0-9-]{0,63}`. The `audience` of a token
    /// exchange (RFC 8693 section 2.1) and a path segment at the broker.
    ServiceName,
    "service",
    "a lower-case letter and then at most 63 of a-z, 0-9 and -",
    |text| first_and_rest(text, 64, |c| c.is_ascii_lowercase(), |c| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
    })
);

name!(
    /// An agent: the `client_id` (RFC 6749 section 2.2) that its key authenticates. 1 to 128
    /// letters, digits and `.`, `_`, `:`, `/`, `-`, so that a SPIFFE id fits.
    AgentId,
    "agent id",
    "1 to 128 letters, digits, ., _, :, / and -",
    |text| first_and_rest(text, 128, is_id_char, |c| is_id_char(c) || c == '/')
);

name!(
    /// A user on whose behalf an agent works, as `corp:248289761001`: the name that the vault side
    /// has for whoever vouches for the user, and the name that the user has there.
    UserId,
    "user",
    "an issuer's name of a-z, 0-9 and -, a colon, and 1 to 255 visible ASCII characters",
    |text| text.split_once(':').is_some_and(|(issuer, subject)| {
        first_and_rest(issuer, 64, |c| c.is_ascii_lowercase(), |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
        }) && (1..=255).contains(&subject.len()) && subject.bytes().all(|b| b.is_ascii_graphic())
    })
);

name!(
    /// One run of an agent. 1 to 128 letters, digits and `.`, `_`, `:`, `-`.
    TaskId,
    "task id",
    "1 to 128 letters, digits, ., _, : and -",
    |text| first_and_rest(text, 128, is_id_char, is_id_char)
);

name!(
    /// One tool call of the model. 1 to 128 letters, digits and `.`, `_`, `:`, `-`.
    CallId,
    "tool call id",
    "1 to 128 letters, digits, ., _, : and -",
    |text| first_and_rest(text, 128, is_id_char, is_id_char)
);

name!(
    /// A tool, by a name that every LLM provider accepts: `[A-Za-z_][A-Za-z0-9_-]{0,63}`.
    ToolName,
    "tool name",
    "a letter or _ and then at most 63 letters, digits, _ and -",
    |text| first_and_rest(text, 64, |c| c.is_ascii_alphabetic() || c == '_', |c| {
        c.is_ascii_alphanumeric() || c == '_' || c == '-'
    })
);

name!(
    /// The public name of a nonce: what logs, spans and the audit call it. It is drawn apart
    /// from the nonce itself and says nothing about it.
    NonceId,
    "nonce id",
    "1 to 64 letters, digits, _ and -",
    |text| first_and_rest(text, 64, is_id_char, is_id_char)
);

name!(
    /// A call that waits for a human, by its public name: CIBA's `auth_req_id`. It is of use only
    /// with the grant and the key of its task.
    ApprovalId,
    "auth_req_id",
    "ap_ and then at most 61 letters, digits, _ and -",
    |text| text.strip_prefix("ap_").is_some_and(|rest| first_and_rest(rest, 61, is_token_char, is_token_char))
);

name!(
    /// A person or program that operates the issuer, by the name that the configuration gives.
    OperatorName,
    "operator name",
    "1 to 64 letters, digits, ., _ and -",
    |text| first_and_rest(text, 64, is_operator_char, is_operator_char)
);

fn is_id_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-')
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Without a colon, at which HTTP's Basic scheme ends a name (RFC 7617 section 2).
fn is_operator_char(c: char) -> bool {
    is_id_char(c) && c != ':'
}

fn first_and_rest(
    text: &str,
    most: usize,
    first: fn(char) -> bool,
    rest: fn(char) -> bool,
) -> bool {
    text.len() <= most && text.chars().next().is_some_and(first) && text.chars().skip(1).all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_what_their_rule_says() {
        assert!(ServiceName::new("stripe").is_ok());
        assert!(ServiceName::new("s3-eu").is_ok());
        assert!(AgentId::new("spiffe://example.org/billing").is_ok());
        assert!(ToolName::new("find_customers").is_ok());
    }

    #[test]
    fn pattern_and_path_characters_are_refused() {
        for text in
            ["", "*", "a/b", "..%2f", "stripe ", "Stripe", "str\u{130}pe", "a+b", "a,b", "9a"]
        {
            assert!(ServiceName::new(text).is_err(), "{text:?}");
        }
        for text in ["", "a*", "a/b", "a b", "a%b", "a\nb", "/a"] {
            assert!(TaskId::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_error_does_not_repeat_what_was_sent() {
        let error = ServiceName::new("<canary>").unwrap_err().to_string();
        assert!(!error.contains("canary"));
        assert!(error.contains("service"));
    }
}
