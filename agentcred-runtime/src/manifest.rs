//! What the tools of a toolbox need from the issuer.

use agentcred_protocol::manifest::{Manifest, Need};
use agentcred_protocol::names::NameError;
use agentcred_protocol::ttl::Ttl;

use crate::tool::{CredentialSpec, ToolDefinition};

/// A tool, written by hand, that asks for something that no issuer can grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tool `{tool}`, parameter `{parameter}`: {cause}")]
pub struct ManifestError {
    tool: String,
    parameter: &'static str,
    #[source]
    cause: NameError,
}

/// Writes the manifest of these tools.
///
/// # Errors
/// When a name, scope, TTL or count breaks its rule. The attribute lets none such compile.
pub(crate) fn of<'a>(
    tools: impl Iterator<Item = &'a ToolDefinition>,
) -> Result<Manifest, ManifestError> {
    let mut needs = Vec::new();
    for tool in tools {
        for credential in &tool.credentials {
            needs.push(need(tool, credential).map_err(|cause| ManifestError {
                tool: tool.name.clone(),
                parameter: credential.parameter,
                cause,
            })?);
        }
    }
    Ok(Manifest::new(needs))
}

fn need(tool: &ToolDefinition, credential: &CredentialSpec) -> Result<Need, NameError> {
    Ok(Need {
        tool: tool.name.parse()?,
        service: credential.service.parse()?,
        scope: credential.scope.parse()?,
        ttl: Ttl::try_from(credential.ttl)?,
        uses: credential.uses.try_into()?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tool(name: &str, scopes: &[&'static str]) -> ToolDefinition {
        let mut tool = ToolDefinition::new(name, "A tool.");
        tool.credentials = scopes
            .iter()
            .map(|scope| CredentialSpec {
                parameter: "nonce",
                service: "stripe",
                scope,
                ttl: Duration::from_mins(5),
                uses: 2,
            })
            .collect();
        tool
    }

    #[test]
    fn every_credential_of_every_tool_is_listed() {
        let tools = [tool("b", &["read:b"]), tool("a", &["read:b", "read:a"]), tool("none", &[])];
        let manifest = of(tools.iter()).unwrap();
        let listed =
            manifest.needs().iter().map(|need| (need.tool.as_str(), need.scope.to_string()));
        let expected = [("a", "read:a"), ("a", "read:b"), ("b", "read:b")];
        assert!(listed.eq(expected.map(|(tool, scope)| (tool, scope.to_owned()))));
        assert!(
            manifest.needs().iter().all(|need| need.uses.count() == 2 && need.ttl.seconds() == 300)
        );
    }

    #[test]
    fn what_no_issuer_can_grant_is_named() {
        let error = of([tool("a", &["read: "])].iter()).unwrap_err().to_string();
        assert!(error.starts_with("tool `a`, parameter `nonce`: scope"), "{error}");
    }
}
