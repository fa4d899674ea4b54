//! Development mode: a shared secret proves an agent, on loopback, and nowhere without that mode.

use agentcred_protocol::answer::GrantAnswer;
use agentcred_protocol::proof;
use agentcred_protocol::refusal::RefusalCode;
use reqwest::Response;
use serde_json::{Value, json};

use crate::agent::{READ, refusal};
use crate::stage::{Stage, write_private};
use crate::upstream::{Upstream, json as answer};

const SECRET: &str = "correct+horse/battery";
const FORM: &str = "grant_type=client_credentials&agentcred_task=task-1";

async fn stage() -> Stage {
    let upstream = Upstream::answering(answer("{}")).await;
    Stage::with_policy(upstream, |policy, folder| {
        write_private(&folder.join("billing.secret"), SECRET);
        policy
            .replacen("listen =", "development = true\n        listen =", 1)
            .replace(r#"keys = ["billing.jwk"]"#, r#"secret = "file:billing.secret""#)
    })
    .await
}

/// Asks for a task with a name and a secret, as a client of RFC 6749 sends them.
async fn ask(stage: &Stage, name: &str, secret: &str, form: &str) -> Response {
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let request = stage.agent.http.post(stage.agent.url("/token"));
    request
        .basic_auth(name, Some(encoded))
        .header("content-type", "application/x-www-form-urlencoded")
        .header(proof::HEADER, stage.agent.token_proof())
        .body(form.to_owned())
        .send()
        .await
        .unwrap()
}

async fn methods(stage: &Stage) -> Value {
    let metadata = stage.agent.url("/.well-known/oauth-authorization-server");
    let metadata = stage.agent.http.get(metadata).send().await.unwrap();
    let metadata: Value = metadata.json().await.unwrap();
    metadata["token_endpoint_auth_methods_supported"].clone()
}

#[tokio::test]
async fn the_right_secret_opens_a_task_that_is_bound_like_any_other() {
    let stage = stage().await;
    assert_eq!(methods(&stage).await, json!(["private_key_jwt", "client_secret_basic"]));
    let granted = ask(&stage, "billing", SECRET, FORM).await;
    assert_eq!(granted.status(), 200);
    let grant = GrantAnswer::from_json(&granted.bytes().await.unwrap()).unwrap().token;
    assert!(stage.agent.try_mint(&grant, READ).await.is_ok());
    // Others keep their keys.
    assert!(stage.other_agent.try_grant("task-1").await.is_ok());
}

#[tokio::test]
async fn a_wrong_secret_opens_nothing_and_is_told_nowhere() {
    let stage = stage().await;
    let mismatched = format!("{FORM}&client_id=other");
    for (name, secret, form, reason) in [
        ("billing", "canary-canary", FORM, "secret_wrong"),
        ("billing", &SECRET[1..], FORM, "secret_wrong"),
        ("nobody", SECRET, FORM, "unknown_agent"),
        ("other", SECRET, FORM, "agent_has_no_secret"),
        ("billing", SECRET, mismatched.as_str(), "client_id_is_not_the_subject"),
    ] {
        let refused = ask(&stage, name, secret, form).await;
        assert_eq!(refused.headers()["www-authenticate"], "Basic realm=\"agentcred\"");
        assert_eq!(refusal(refused).await.code, RefusalCode::InvalidClient);
        assert_eq!(stage.last_reason(), reason);
    }
    assert!(!stage.audit_text().contains("canary"));
    let both = format!("{FORM}&client_assertion_type=x&client_assertion=a.b.c");
    assert_eq!(ask(&stage, "billing", SECRET, &both).await.status(), 401);
}

#[tokio::test]
async fn without_the_mode_no_secret_is_looked_at() {
    let stage = Stage::set().await;
    assert_eq!(methods(&stage).await, json!(["private_key_jwt"]));
    let refused = ask(&stage, "billing", SECRET, FORM).await;
    assert!(!refused.headers().contains_key("www-authenticate"));
    assert_eq!(refusal(refused).await.code, RefusalCode::InvalidClient);
    assert_eq!(stage.last_reason(), "no_assertion");
    // Nor is a good assertion taken beside one.
    let form = agentcred_protocol::request::task_form(
        &stage.agent.assertion(),
        &"task-1".parse().unwrap(),
    );
    let twice = ask(&stage, "billing", SECRET, &form).await;
    assert_eq!(refusal(twice).await.code, RefusalCode::InvalidRequest);
}
