//! Neither the real key nor any nonce is in anything that anybody reads.

use std::collections::BTreeMap;

use agentcred::testing::oracle::leaks;

use crate::agent::{built, finished};
use crate::shapes::Shapes;
use crate::tap::tokens;
use crate::vault::Vault;

/// Everything that a run leaves behind, by name.
async fn outputs(vault: &Vault) -> BTreeMap<&'static str, Vec<u8>> {
    let mut command =
        vault.agent(&["How much does ada@example.com owe, and on which invoices?", "--json"]);
    // TRACE for every crate in the process, third parties included.
    command.env("RUST_LOG", "trace");
    let run = finished(command).await;
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let mut outputs = BTreeMap::from([
        ("standard output with the transcript", run.stdout),
        ("standard error at TRACE", run.stderr),
        ("audit", vault.audit_text().into_bytes()),
    ]);
    let mut schemas = Vec::new();
    for format in ["openai", "openai-responses", "anthropic", "gemini", "mcp", "bedrock"] {
        let mut command = tokio::process::Command::new(built("examples/tool_schemas"));
        command.args(["--format", format]);
        schemas.extend(finished(command).await.stdout);
    }
    outputs.insert("schemas", schemas);
    outputs
}

/// The secrets of which something is found, by where.
fn found(outputs: &BTreeMap<&'static str, Vec<u8>>, secrets: &[String]) -> Vec<&'static str> {
    let shapes = Shapes::new();
    let leaking = |output: &[u8]| {
        secrets.iter().any(|secret| leaks(output, secret))
            || !tokens(output).is_empty()
            || !shapes.seen_in(output).is_empty()
    };
    outputs.iter().filter(|(_, output)| leaking(output)).map(|(name, _)| *name).collect()
}

// Leak channel 20, control within.
#[tokio::test]
async fn no_key_and_no_nonce_is_found_anywhere_and_a_leak_would_be() {
    let vault = Vault::start().await;
    let mut outputs = outputs(&vault).await;
    let mut secrets: Vec<_> = vault.tap.tokens().into_iter().collect();
    assert!(secrets.len() >= 4, "a grant and three nonces were heard: {}", secrets.len());
    secrets.push(vault.real_key.clone());
    assert!(outputs["standard error at TRACE"].len() > 10_000, "the log was written");
    assert_eq!(found(&outputs, &secrets), Vec::<&str>::new());

    // The control: the same run, with one secret put into one output, is caught each time.
    for secret in &secrets {
        let clean = outputs["audit"].clone();
        outputs.get_mut("audit").unwrap().extend_from_slice(&secret.as_bytes()[6..30]);
        assert_eq!(found(&outputs, std::slice::from_ref(secret)), ["audit"]);
        outputs.insert("audit", clean);
    }
}

#[tokio::test]
async fn the_wire_between_agent_and_vault_never_carries_the_real_key() {
    let vault = Vault::start().await;
    let _ = outputs(&vault).await;
    assert!(!leaks(&vault.tap.heard(), &vault.real_key));
    assert!(
        vault.sandbox.requests().iter().all(|seen| seen.status == 200),
        "the key did reach the upstream"
    );
}
