//! The least policy: what the tools of an agent need, token by token, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use agentcred_protocol::manifest::Manifest;
use agentcred_protocol::names::{AgentId, ServiceName, ToolName};
use agentcred_protocol::scope::ScopeToken;
use agentcred_protocol::ttl::{Ttl, Uses};

/// Writes the agent's part of a policy that grants what these tools need: for each scope the
/// longest TTL and the most uses that one of them asks for, with the tools beside it.
///
/// Services, with their real keys and the rules of their scopes, are no matter of the tools and
/// stand elsewhere in the policy.
///
/// ```
/// use agentcred_issuer::least_policy;
///
/// let needs = r#"{"needs": [{"tool": "find_customers", "service": "stripe",
///                            "scope": "read:customers", "ttl": "5m", "uses": 1}]}"#;
/// let policy = least_policy(&"billing".parse()?, "billing.jwk".as_ref(), &serde_json::from_str(needs)?);
/// assert!(policy.contains(r#"scopes = ["read:customers"], max_ttl = "5m", max_uses = 1"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn least_policy(agent: &AgentId, key_file: &Path, manifest: &Manifest) -> String {
    let key_file = toml::Value::from(&*key_file.to_string_lossy());
    let agent = in_a_header(agent);
    let mut text = format!("[agents.{agent}]\nkeys  = [{key_file}]\nallow = [\n");
    for ((service, token), Need { ttl, uses, tools }) in needs(manifest) {
        let tools = tools.iter().map(ToolName::as_str).collect::<Vec<_>>().join(", ");
        let uses = uses.count();
        let _ = writeln!(
            text,
            "    {{ service = \"{service}\", scopes = [\"{token}\"], max_ttl = \"{ttl}\", \
             max_uses = {uses} }}, # {tools}",
        );
    }
    text.push_str("]\n");
    text
}

/// An agent's name as a TOML key: quoted unless it can stand bare. None of its characters needs an
/// escape.
fn in_a_header(agent: &AgentId) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name = agent.as_str();
    if name.chars().all(is_bare) { name.to_owned() } else { format!("\"{name}\"") }
}

/// What all tools together need of one scope token.
pub(crate) struct Need {
    /// The longest that any asks for.
    pub(crate) ttl: Ttl,
    /// The most that any asks for.
    pub(crate) uses: Uses,
    /// The tools that ask.
    pub(crate) tools: BTreeSet<ToolName>,
}

/// What the tools of a manifest need, by service and scope token.
pub(crate) fn needs(manifest: &Manifest) -> BTreeMap<(ServiceName, ScopeToken), Need> {
    let mut needs = BTreeMap::new();
    for asked in manifest.needs() {
        for token in asked.scope.tokens() {
            let key = (asked.service.clone(), token.clone());
            let least = || Need { ttl: asked.ttl, uses: asked.uses, tools: BTreeSet::new() };
            let need = needs.entry(key).or_insert_with(least);
            need.ttl = need.ttl.max(asked.ttl);
            need.uses = need.uses.max(asked.uses);
            need.tools.insert(asked.tool.clone());
        }
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Manifest {
        toml::from_str(text).unwrap()
    }

    const TWO: &str = r#"
        [[needs]]
        tool = "list_invoices"
        service = "stripe"
        scope = "read:invoices"
        ttl = "2m"
        uses = 10

        [[needs]]
        tool = "summarize"
        service = "stripe"
        scope = "read:customers read:invoices"
        ttl = "5m"
        uses = 1
    "#;

    #[test]
    fn a_scope_gets_the_widest_bounds_that_a_tool_needs_and_no_wider() {
        let policy = least_policy(&"billing".parse().unwrap(), "a.jwk".as_ref(), &manifest(TWO));
        let expected = r#"[agents.billing]
keys  = ["a.jwk"]
allow = [
    { service = "stripe", scopes = ["read:customers"], max_ttl = "5m", max_uses = 1 }, # summarize
    { service = "stripe", scopes = ["read:invoices"], max_ttl = "5m", max_uses = 10 }, # list_invoices, summarize
]
"#;
        assert_eq!(policy, expected);
    }

    #[test]
    fn any_agent_and_any_file_can_be_written() {
        let agent = "spiffe://example.org/billing".parse().unwrap();
        let file = "odd \"name\"\\.jwk";
        let policy = least_policy(&agent, file.as_ref(), &Manifest::default());
        let parsed: toml::Table = policy.parse().unwrap();
        let agent = &parsed["agents"][agent.as_str()];
        assert_eq!(agent["keys"][0].as_str(), Some(file));
        assert_eq!(agent["allow"].as_array().map(Vec::len), Some(0));
    }
}
