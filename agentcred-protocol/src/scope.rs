//! Scope: which operations of a service a nonce is good for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::NameError;

/// One scope token, as `read:customers` (RFC 6749 section 3.3): 1 to 128 printable ASCII
/// characters without space, `"` and `\`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeToken(String);

impl ScopeToken {
    /// Reads one scope token.
    ///
    /// # Errors
    /// When the text is not a scope token.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(NameError {
                word: "scope token",
                rule: "1 to 128 printable characters without space, quote and backslash",
            })
        }
    }

    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ScopeToken {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<ScopeToken> for String {
    fn from(token: ScopeToken) -> String {
        token.0
    }
}

/// A set of scope tokens that is never empty; on the wire, separated by single spaces. Two
/// scopes are equal when they hold the same tokens, whatever their order (RFC 6749 section 3.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(BTreeSet<ScopeToken>);

impl Scope {
    /// Reads `read:customers read:invoices`.
    ///
    /// # Errors
    /// When a token is not one, when there is none, or when one stands twice.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let mut tokens = BTreeSet::new();
        for token in text.split(' ') {
            if !tokens.insert(ScopeToken::new(token)?) {
                return Err(NameError { word: "scope", rule: "a list without repeated tokens" });
            }
        }
        Ok(Self(tokens))
    }

    /// Its tokens, in alphabetical order.
    pub fn tokens(&self) -> impl Iterator<Item = &ScopeToken> {
        self.0.iter()
    }
}

impl From<ScopeToken> for Scope {
    fn from(token: ScopeToken) -> Self {
        Self(BTreeSet::from([token]))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, token) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Scope {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Scope {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter() {
        assert_eq!(Scope::new("a b").unwrap(), Scope::new("b a").unwrap());
    }

    #[test]
    fn empty_doubled_and_odd_scopes_are_refused() {
        for text in ["", " ", "a  b", "a a", "a\tb", "a\"b", "a\\b", "é", " a", "a "] {
            assert!(Scope::new(text).is_err(), "{text:?}");
        }
    }
}
