//! What the policy does not grant does not happen, and the agent is told what was missing.

use crate::agent::finished;
use crate::vault::Vault;

#[tokio::test]
async fn an_ungranted_scope_names_agent_service_and_scope_and_the_upstream_sees_nothing() {
    let vault = Vault::start_with(|policy| {
        let allow = r#"[{ service = "stripe", scopes = ["read:invoices"], max_ttl = "5m", max_uses = 10 }]"#;
        policy["agents"]["billing-agent"]["allow"] = allow.parse().unwrap();
    })
    .await;
    let output = finished(vault.agent(&["How much does ada@example.com owe?"])).await;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains(
            "the policy does not grant `read:customers` on `stripe` to agent `billing-agent`"
        ),
        "{text}"
    );
    assert!(!output.status.success());
    assert_eq!(vault.sandbox.requests(), []);
    assert_eq!(vault.audited("mint"), Vec::<serde_json::Value>::new());
    assert_eq!(vault.audited("refusal")[0]["error"], "invalid_scope");
}
