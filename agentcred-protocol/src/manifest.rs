//! What the tools of an agent need from the issuer, as written from their code.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::names::{ServiceName, ToolName};
use crate::scope::Scope;
use crate::ttl::{Ttl, Uses};

/// Every credential that the tools of an agent ask for.
///
/// The agent's side writes it and the issuer's side compares the policy with it, as TOML or JSON:
///
/// ```
/// use agentcred_protocol::manifest::{Manifest, Need};
///
/// let need = Need {
///     tool: "find_customers".parse()?,
///     service: "stripe".parse()?,
///     scope: "read:customers".parse()?,
///     ttl: "5m".parse()?,
///     uses: 1.try_into()?,
/// };
/// let manifest = Manifest::new([need]);
/// assert!(manifest.to_toml().contains("scope = \"read:customers\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(default)]
    needs: Vec<Need>,
}

/// A credential that a tool asks for on each call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// The tool that asks.
    pub tool: ToolName,
    /// The service.
    pub service: ServiceName,
    /// The scope.
    pub scope: Scope,
    /// How long the nonce lives at most.
    pub ttl: Ttl,
    /// How many upstream requests one call makes at most.
    pub uses: Uses,
}

impl Manifest {
    /// A manifest of these needs, ordered by service, scope and tool, so that moving code around
    /// does not change it.
    pub fn new(needs: impl IntoIterator<Item = Need>) -> Self {
        let mut needs = needs.into_iter().collect::<Vec<_>>();
        needs.sort_by_cached_key(|need| {
            let Need { tool, service, scope, ttl, uses } = need;
            (service.clone(), scope.to_string(), tool.clone(), *ttl, *uses)
        });
        Self { needs }
    }

    /// The needs.
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// As TOML, ending in a line break. None of the words can contain a quote or a backslash, so
    /// they stand in the text as they are.
    pub fn to_toml(&self) -> String {
        let mut text = String::from(
            "# What the tools of this agent need from the issuer. Written from their code.\n",
        );
        for Need { tool, service, scope, ttl, uses } in &self.needs {
            let uses = uses.count();
            let _ = write!(
                text,
                "\n[[needs]]\ntool = \"{tool}\"\nservice = \"{service}\"\nscope = \"{scope}\"\n\
                 ttl = \"{ttl}\"\nuses = {uses}\n",
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(tool: &str, scope: &str) -> Need {
        Need {
            tool: tool.parse().unwrap(),
            service: "stripe".parse().unwrap(),
            scope: scope.parse().unwrap(),
            ttl: "90s".parse().unwrap(),
            uses: 3.try_into().unwrap(),
        }
    }

    #[test]
    fn it_reads_back_from_toml_and_json() {
        let manifest = Manifest::new([need("b", "read:a write:b"), need("a", "!#'[]~")]);
        assert_eq!(toml::from_str::<Manifest>(&manifest.to_toml()).unwrap(), manifest);
        let json = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
    }

    #[test]
    fn the_order_of_the_code_does_not_matter() {
        let (one, two) = (need("one", "read:a"), need("two", "read:a"));
        let turned = Manifest::new([two.clone(), one.clone()]);
        assert_eq!(turned, Manifest::new([one, two]));
    }

    #[test]
    fn an_unknown_key_and_a_wrong_word_are_refused() {
        for text in [
            "grants = []",
            "[[needs]]\ntool = \"a\"",
            "[[needs]]\ntool = \"a\"\nservice = \"*\"\nscope = \"s\"\nttl = \"1m\"\nuses = 1",
            "[[needs]]\ntool = \"a\"\nservice = \"b\"\nscope = \"s\"\nttl = \"1d\"\nuses = 1",
            "[[needs]]\ntool = \"a\"\nservice = \"b\"\nscope = \"s\"\nttl = \"1m\"\nuses = 0",
        ] {
            assert!(toml::from_str::<Manifest>(text).is_err(), "{text}");
        }
    }
}
