//! `check --manifest` and `policy`: the policy beside what an agent's tools need.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use agentcred_issuer::{Config, Finding, least_policy};
use agentcred_protocol::manifest::Manifest;
use agentcred_protocol::names::AgentId;
use clap::Args;

use crate::Failure;

#[derive(Args)]
pub(crate) struct Needs {
    /// Also compare with what the agent's tools need: a manifest, TOML or JSON (.json), as their
    /// own `manifest` command writes it.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The agent whose tools they are; not needed where the policy has only one.
    #[arg(long, requires = "manifest")]
    agent: Option<AgentId>,
}

#[derive(Args)]
pub(crate) struct Policy {
    /// What the agent's tools need: a manifest, TOML or JSON (.json), as their own `manifest`
    /// command writes it.
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
    /// The agent whose tools they are.
    #[arg(long)]
    agent: AgentId,
    /// The agent's public key, as the policy shall name it.
    #[arg(long, value_name = "FILE", default_value = "agent.jwk")]
    key: PathBuf,
}

impl Needs {
    /// Where the policy and the manifest differ; nothing when there is no manifest.
    pub(crate) fn compare(&self, config: &Config) -> Result<Vec<Finding>, Failure> {
        let Some(path) = &self.manifest else { return Ok(Vec::new()) };
        let mut agents = config.agents();
        let only = match (agents.next(), agents.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        };
        let agent = self.agent.as_ref().or(only);
        let agent = agent.ok_or("the policy has several agents or none; say which with --agent")?;
        Ok(config.check_manifest(agent, &read(path)?))
    }
}

/// Prints the least policy that serves the manifest.
pub(crate) fn policy(arguments: &Policy) -> Result<(), Failure> {
    let Policy { manifest, agent, key } = arguments;
    let policy = least_policy(agent, key, &read(manifest)?);
    io::stdout().write_all(policy.as_bytes())?;
    Ok(())
}

fn read(path: &Path) -> Result<Manifest, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let manifest = if is_json {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    } else {
        toml::from_str(&text).map_err(|error| error.to_string())
    };
    manifest.map_err(|error| format!("{} is no manifest: {error}", path.display()).into())
}
