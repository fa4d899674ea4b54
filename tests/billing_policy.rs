//! The billing agent's policy is the least that serves its tools; it cannot drift from the code.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

#[path = "../examples/billing_agent/stripe.rs"]
mod stripe;
#[path = "../examples/billing_agent/tools.rs"]
mod tools;

use agentcred::protocol::key::SigningKey;
use agentcred::protocol::manifest::Manifest;
use agentcred::protocol::names::AgentId;
use agentcred_issuer::{Config, least_policy};
use toml::Table;

const POLICY: &str = include_str!("../examples/billing_agent/issuer.toml");
const MANIFEST: &str = include_str!("../examples/billing_agent/agent.toml");

fn agent() -> AgentId {
    "billing-agent".parse().unwrap()
}

/// The agents of a policy, without the comments and the layout of its text.
fn agents(policy: &str) -> toml::Value {
    policy.parse::<Table>().unwrap()["agents"].clone()
}

/// The manifest of the tools if one of them asked for another scope.
fn changed() -> Manifest {
    toml::from_str(&MANIFEST.replace("write:refunds", "write:payouts")).unwrap()
}

fn least(manifest: &Manifest) -> toml::Value {
    agents(&least_policy(&agent(), "billing-agent.jwk".as_ref(), manifest))
}

#[test]
fn the_manifest_is_what_the_tools_say() {
    assert_eq!(tools::billing_tools().manifest().unwrap().to_toml(), MANIFEST);
}

#[test]
fn the_policy_grants_what_the_tools_need_and_no_more() {
    assert_eq!(agents(POLICY), least(&tools::billing_tools().manifest().unwrap()));
    assert_ne!(agents(POLICY), least(&changed()), "a tool with another scope makes no difference");
}

#[test]
fn the_issuer_finds_no_difference_and_would_find_one() {
    let folder = tempfile::tempdir().unwrap();
    let key = serde_json::to_string(SigningKey::ephemeral().unwrap().public()).unwrap();
    std::fs::write(folder.path().join("billing-agent.jwk"), key).unwrap();
    let config = Config::parse(POLICY, folder.path()).unwrap();
    let manifest = tools::billing_tools().manifest().unwrap();
    assert_eq!(config.check_manifest(&agent(), &manifest), []);
    let found = config.check_manifest(&agent(), &changed());
    let says = |what: &str| found.iter().any(|finding| finding.to_string().contains(what));
    assert!(says("has no `write:payouts`") && says("grants `write:refunds`"), "{found:?}");
}
