//! Reload: a changed policy holds from the next request on, and a bad one changes nothing.

use agentcred_issuer::{ReloadError, Reloaded};
use agentcred_protocol::refusal::RefusalCode;

use crate::agent::{READ, Wish, broker_refusal};
use crate::stage::{CONFIG, Stage};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";
const ENTRIES: Wish<'_> = Wish { service: "ledger", scope: "read:entries", ttl: 60, uses: 1 };
const GRANT: &str =
    r#"{ service = "stripe", scopes = ["read:customers", "write:refunds"], max_ttl = "5m" },"#;

/// Changes the file and has it read again.
async fn reload(stage: &Stage, from: &str, to: &str) -> Result<Reloaded, ReloadError> {
    let file = stage.folder().join(CONFIG);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from} does not occur");
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
    stage.server.reload().await
}

#[tokio::test]
async fn what_is_taken_away_cannot_be_minted_or_used_any_more() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    let nonce = stage.agent.try_mint(&grant, Wish { uses: 2, ..READ }).await.unwrap().token;
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    reload(&stage, GRANT, "").await.unwrap();
    let refused = stage.agent.try_mint(&grant, READ).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::InvalidTarget);
    let refused = broker_refusal(stage.agent.get(&nonce, CUSTOMERS).await).await;
    assert_eq!(refused.code, RefusalCode::InsufficientScope);
    assert_eq!(stage.last_reason(), "granted_no_more");
    assert_eq!(stage.upstream.arrived().len(), 1);
    // What was left alone still works.
    assert!(stage.agent.try_mint(&grant, ENTRIES).await.is_ok());
}

#[tokio::test]
async fn what_is_given_can_be_minted_at_once_and_the_audit_names_the_policy() {
    let stage = Stage::set().await;
    let grant = stage.other_agent.grant().await;
    assert!(stage.other_agent.try_mint(&grant, READ).await.is_err());
    let other = r#"allow = [{ service = "ledger", scopes = ["read:entries"], max_uses = 2 }]"#;
    let more = format!("allow = [{GRANT}]");
    let reloaded = reload(&stage, other, &more).await.unwrap();
    assert!(stage.other_agent.try_mint(&grant, READ).await.is_ok());
    assert!(stage.other_agent.try_mint(&grant, ENTRIES).await.is_err());
    let lines = stage.audit_of("reload");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["policy"], reloaded.digest);
    assert!(reloaded.digest.starts_with("sha-256:"));
}

#[tokio::test]
async fn a_key_proves_the_agent_that_the_policy_names_now_and_no_other() {
    let stage = Stage::set().await;
    drop(stage.agent.grant().await);
    std::fs::copy(stage.folder().join("other.jwk"), stage.folder().join("swap.jwk")).unwrap();
    reload(&stage, "[\"other.jwk\"]", "[\"billing.jwk\"]").await.unwrap_err();
    drop(stage.agent.grant().await);
    reload(&stage, "[\"billing.jwk\"]\n        allow = [\n", "[\"swap.jwk\"]\n        allow = [\n")
        .await
        .unwrap();
    let refused = stage.agent.try_grant("task-2").await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::InvalidClient);
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_why() {
    const METHOD: &str = "services.stripe.scopes.\"read:customers\"[0].method";
    const NONE: &str = "{ service = \"none\", scopes = [] },";
    // What is replaced by what, the key that is to blame, and a text in its line.
    for (from, to, key, at) in [
        ("\"GET\"", "\"get\"", METHOD, "\"get\""),
        (GRANT, NONE, "agents.billing.allow[0].service", NONE),
        ("file:stripe.key", "file:none.key", "services.stripe.secret", "file:none.key"),
        ("127.0.0.1:0", "127.0.0.1:9", "server", "[server]"),
        ("audit.jsonl", "other.jsonl", "audit", "[audit]"),
        ("[server]", "[server", "", "[server"),
    ] {
        let stage = Stage::set().await;
        let grant = stage.agent.grant().await;
        let error = reload(&stage, from, to).await.unwrap_err();
        let ReloadError::Refused(refused) = &error else { panic!("{error}") };
        let text = std::fs::read_to_string(stage.folder().join(CONFIG)).unwrap();
        let line = text.lines().position(|line| line.contains(at)).map(|before| before + 1);
        let found = refused.findings().iter().any(|it| it.key == key && it.line == line);
        assert!(found, "{from} -> {to}: {error}");
        assert!(stage.agent.try_mint(&grant, READ).await.is_ok(), "{from} -> {to}");
        assert!(stage.audit_of("reload").is_empty());
    }
}
