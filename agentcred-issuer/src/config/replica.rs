//! The name that one of several issuers has in its audit.

use super::Config;
use super::finding::InvalidConfig;

impl Config {
    /// The same configuration for the issuer of this name, as for one of several that share a file.
    ///
    /// # Errors
    /// When it is no name.
    pub fn named(self, replica: &str) -> Result<Self, InvalidConfig> {
        if is_name(replica) {
            return Ok(Self { replica: Some(replica.to_owned()), ..self });
        }
        Err(InvalidConfig::one(format!("--replica {MESSAGE}")))
    }
}

pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(is_plain)
}

/// What it must be.
pub(super) const MESSAGE: &str = "must be 1 to 64 letters, digits, -, _ and .";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_name_from_outside_is_held_to_the_same_rule() {
        let config = || Config::parse("audit.file = \"a\"", Path::new("")).unwrap();
        let named = config().named("agentcred-issuer-0").unwrap();
        assert_eq!(named.replica.as_deref(), Some("agentcred-issuer-0"));
        for name in ["", "a b", "a\n", &"a".repeat(65)] {
            assert!(config().named(name).is_err(), "{name}");
        }
    }
}
