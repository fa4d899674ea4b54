//! The policy beside what an agent's tools need, on the command line.

use std::path::Path;
use std::process::{Command, Output};

use crate::stage::write_private;

const NEEDS: &str = r#"
[[needs]]
tool = "find_customers"
service = "stripe"
scope = "read:customers"
ttl = "5m"
uses = 2
"#;

fn run(arguments: &[&str], folder: &Path) -> Output {
    let command = env!("CARGO_BIN_EXE_agentcred-issuer");
    Command::new(command).args(arguments).current_dir(folder).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8([&*output.stdout, &output.stderr].concat()).unwrap()
}

/// A folder with a manifest, and with a configuration whose agents are what `policy` wrote.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_private(&path.join("stripe.key"), "sk_live_canary\n");
    std::fs::write(path.join("agent.toml"), NEEDS).unwrap();
    assert!(run(&["keygen", "--out", "billing"], path).status.success());
    let policy =
        ["policy", "--manifest", "agent.toml", "--agent", "billing", "--key", "billing.jwk"];
    let policy = run(&policy, path);
    assert!(policy.status.success(), "{policy:?}");
    let services = r#"
        server.listen = "127.0.0.1:0"
        audit.file = "audit.jsonl"
        [services.stripe]
        origin = "http://127.0.0.1:9"
        secret = "file:stripe.key"
        inject = { header = "authorization", format = "Bearer {secret}" }
        allow_networks = ["127.0.0.0/8"]
        [[services.stripe.scopes."read:customers"]]
        method = "GET"
        path = "/v1/customers"
        [[services.stripe.scopes."write:refunds"]]
        method = "POST"
        path = "/v1/refunds"
    "#;
    let config = format!("{services}\n{}", String::from_utf8(policy.stdout).unwrap());
    std::fs::write(path.join("issuer.toml"), config).unwrap();
    folder
}

const CHECK: [&str; 5] = ["check", "--config", "issuer.toml", "--manifest", "agent.toml"];

#[test]
fn the_policy_that_was_written_serves_the_tools_that_it_was_written_for() {
    let folder = folder();
    let checked = run(&CHECK, folder.path());
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    assert!(told(&checked).contains("the configuration is sound"));
    assert!(!told(&checked).contains("warning"), "{checked:?}");
}

#[test]
fn a_tool_whose_scope_changed_fails_the_check_both_ways() {
    let folder = folder();
    let changed = NEEDS.replace("read:customers", "write:refunds");
    std::fs::write(folder.path().join("agent.toml"), changed).unwrap();
    let checked = run(&CHECK, folder.path());
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    assert!(told(&checked).contains("lacks `write:refunds` on `stripe`"), "{checked:?}");
    assert!(told(&checked).contains("grants `read:customers` on `stripe`, which no tool needs"));
}

#[test]
fn a_manifest_that_is_none_and_an_agent_that_is_unclear_are_failures() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("agent.toml"), "grants = []").unwrap();
    let no_manifest = run(&CHECK, path);
    assert_eq!(no_manifest.status.code(), Some(1));
    assert!(told(&no_manifest).contains("agent.toml is no manifest"), "{no_manifest:?}");
    std::fs::write(path.join("agent.json"), r#"{"needs": []}"#).unwrap();
    let other = run(
        &["check", "--config", "issuer.toml", "--manifest", "agent.json", "--agent", "x"],
        path,
    );
    assert!(told(&other).contains("has no agent x"), "{other:?}");
    assert_eq!(
        run(&["check", "--config", "issuer.toml", "--agent", "x"], path).status.code(),
        Some(2)
    );
}
