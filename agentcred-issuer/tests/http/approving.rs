//! Human approval over HTTP: asked, waited for, decided once, and good for one nonce.

use std::time::Duration;

use agentcred_protocol::answer::NonceAnswer;
use agentcred_protocol::refusal::{RefusalBody, RefusalCode};
use agentcred_protocol::token::GrantToken;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::agent::{Wish, refusal};
use crate::operating::{Operator, stage_with};
use crate::stage::Stage;

const REFUND: Wish<'_> = Wish { service: "stripe", scope: "write:refunds", ttl: 60, uses: 1 };
const INTERVAL: Duration = Duration::from_secs(2);

/// A stage where a human must approve refunds.
async fn stage() -> (Stage, Operator) {
    stage_with("", |policy| {
        policy.replace(
            r#"scopes = ["read:customers", "write:refunds"], max_ttl = "5m" }"#,
            r#"scopes = ["read:customers"] },
               { service = "stripe", scopes = ["write:refunds"], approval = "human" }"#,
        )
    })
    .await
}

/// Asks for the nonce of a refund, with more parameters.
async fn ask(stage: &Stage, grant: &GrantToken, more: &str) -> Result<NonceAnswer, RefusalBody> {
    let form = format!("{}{more}", stage.agent.nonce_form(grant, REFUND));
    let response = stage.agent.post("/token", form, Some(stage.agent.token_proof())).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    if response.status() == StatusCode::OK {
        return Ok(NonceAnswer::from_json(&response.bytes().await.unwrap()).unwrap());
    }
    let status = response.status();
    let body: RefusalBody = response.json().await.unwrap();
    assert_eq!(status, body.error.status());
    Err(body)
}

/// Asks, and gives the approval's name.
async fn wait_for(stage: &Stage, grant: &GrantToken) -> String {
    let refused = ask(stage, grant, "&binding_message=refund+5.00+of+ch_1").await.unwrap_err();
    assert_eq!(refused.error, RefusalCode::AuthorizationPending);
    let pending = refused.pending.unwrap();
    assert_eq!((pending.interval, pending.expires_in), (2, 300));
    pending.auth_req_id.to_string()
}

async fn poll(stage: &Stage, grant: &GrantToken, id: &str) -> Result<NonceAnswer, RefusalCode> {
    stage.clock.advance(INTERVAL);
    ask(stage, grant, &format!("&auth_req_id={id}")).await.map_err(|refused| refused.error)
}

#[tokio::test]
async fn an_approved_call_gets_one_nonce() {
    let (stage, operator) = stage().await;
    let grant = stage.agent.grant().await;
    let id = wait_for(&stage, &grant).await;
    assert_eq!(poll(&stage, &grant, &id).await.unwrap_err(), RefusalCode::AuthorizationPending);

    let (_, list) = operator.get("/approvals").await;
    let listed = &list["approvals"][0];
    for (key, value) in [
        ("id", id.as_str()),
        ("standing", "pending"),
        ("agent", "billing"),
        ("task", "task-1"),
        ("tool", "find_customers"),
        ("service", "stripe"),
        ("scope", "write:refunds"),
        ("summary", "refund 5.00 of ch_1"),
    ] {
        assert_eq!(listed[key], value, "{listed}");
    }
    assert!(listed["args_hash"].as_str().unwrap().starts_with("sha-256:"));

    let path = format!("/approvals/{id}/approve");
    let decided = operator.post(&path, &json!({})).await;
    let expected = json!({"id": id, "decision": "approved", "by": "ada"});
    assert_eq!(decided, (StatusCode::OK, expected));
    let minted = poll(&stage, &grant, &id).await.unwrap();
    assert_eq!(minted.scope.to_string(), "write:refunds");
    assert_eq!(poll(&stage, &grant, &id).await.unwrap_err(), RefusalCode::ExpiredToken);

    let [asked] = &stage.audit_of("approval_request")[..] else { panic!("asked once") };
    let [decided] = &stage.audit_of("approval")[..] else { panic!("decided once") };
    let [mint] = &stage.audit_of("mint")[..] else { panic!("minted once") };
    for line in [asked, decided, mint] {
        assert_eq!(line["approval_id"], id, "{line}");
        assert_eq!(line["tool_call_id"], "call_1");
    }
    assert_eq!((&decided["operator"], &decided["decision"]), (&json!("ada"), &json!("approved")));
    assert_eq!(mint["approved_by"], "ada");
    // The summary may hold what the model wrote; the audit has the arguments' hash.
    assert!(!stage.audit_text().contains("ch_1"));
}

#[tokio::test]
async fn a_denied_call_gets_none_and_a_decision_stands() {
    let (stage, operator) = stage().await;
    let grant = stage.agent.grant().await;
    let id = wait_for(&stage, &grant).await;
    let decide = async |decision: &str| {
        operator.post(&format!("/approvals/{id}/{decision}"), &json!({})).await
    };
    assert_eq!(decide("deny").await.0, StatusCode::OK);
    for again in ["deny", "approve"] {
        let (status, answer) = decide(again).await;
        assert_eq!((status, &answer["error"]), (StatusCode::CONFLICT, &json!("already_decided")));
        assert_eq!(answer["message"], "the call is already denied by ada");
    }
    assert_eq!(poll(&stage, &grant, &id).await.unwrap_err(), RefusalCode::AccessDenied);
    // Asking for the same call again asks nobody.
    assert_eq!(wait_for_same(&stage, &grant).await, id);
    assert_eq!(stage.audit_of("approval").len(), 1);
    assert!(stage.audit_of("mint").is_empty());
}

async fn wait_for_same(stage: &Stage, grant: &GrantToken) -> String {
    let refused = ask(stage, grant, "").await.unwrap_err();
    refused.pending.unwrap().auth_req_id.to_string()
}

#[tokio::test]
async fn of_many_who_decide_at_once_one_does() {
    let (stage, operator) = stage().await;
    let grant = stage.agent.grant().await;
    let id = wait_for(&stage, &grant).await;
    let decide = async |decision: &str| {
        operator.post(&format!("/approvals/{id}/{decision}"), &json!({})).await.0
    };
    let (a, b, c, d) =
        tokio::join!(decide("approve"), decide("deny"), decide("approve"), decide("deny"));
    let decided = [a, b, c, d].into_iter().filter(|it| *it == StatusCode::OK).count();
    assert_eq!(decided, 1);
    assert_eq!(stage.audit_of("approval").len(), 1);
}

#[tokio::test]
async fn what_nobody_decides_expires() {
    let (stage, operator) = stage().await;
    let grant = stage.agent.grant().await;
    let id = wait_for(&stage, &grant).await;
    stage.clock.advance(Duration::from_mins(5));
    assert_eq!(poll(&stage, &grant, &id).await.unwrap_err(), RefusalCode::ExpiredToken);
    let (status, answer) = operator.post(&format!("/approvals/{id}/approve"), &json!({})).await;
    assert_eq!((status, &answer["error"]), (StatusCode::GONE, &json!("expired")));
    assert!(stage.audit_of("approval").is_empty());
}

#[tokio::test]
async fn an_approval_is_of_no_use_to_another_task_agent_or_call() {
    let (stage, operator) = stage().await;
    let grant = stage.agent.grant().await;
    let id = wait_for(&stage, &grant).await;
    operator.post(&format!("/approvals/{id}/approve"), &json!({})).await;
    let other_task = stage.agent.try_grant("task-2").await.unwrap();
    assert_eq!(poll(&stage, &other_task, &id).await.unwrap_err(), RefusalCode::ExpiredToken);
    let other_arguments = {
        stage.clock.advance(INTERVAL);
        let form = stage.agent.nonce_form(&grant, REFUND).replace("call_1", "call_2");
        let form = format!("{form}&auth_req_id={id}");
        let response = stage.agent.post("/token", form, Some(stage.agent.token_proof())).await;
        refusal(response).await.code
    };
    assert_eq!(other_arguments, RefusalCode::ExpiredToken);
    assert!(poll(&stage, &grant, &id).await.is_ok());
}

#[tokio::test]
async fn an_agent_that_asks_too_often_or_for_too_much_is_slowed_down() {
    let (stage, _operator) = stage_with("[approvals]\nmax_pending_per_task = 1\n", |policy| {
        policy.replace(r#"max_ttl = "5m" }"#, r#"approval = "human" }"#)
    })
    .await;
    let grant = stage.agent.grant().await;
    let id = wait_for(&stage, &grant).await;
    let soon = ask(&stage, &grant, &format!("&auth_req_id={id}")).await.unwrap_err();
    assert_eq!((soon.error, soon.pending), (RefusalCode::SlowDown, None));
    let form = stage.agent.nonce_form(&grant, REFUND).replace("call_1", "call_2");
    let response = stage.agent.post("/token", form, Some(stage.agent.token_proof())).await;
    assert_eq!(refusal(response).await.code, RefusalCode::SlowDown);
    assert_eq!(stage.last_reason(), "too_many_pending");
}

#[tokio::test]
async fn a_call_that_is_withdrawn_cannot_be_approved_any_more() {
    let (stage, operator) = stage().await;
    let grant = stage.agent.grant().await;
    let id = wait_for(&stage, &grant).await;
    let revoked = stage.agent.post("/revoke", format!("token={id}"), None).await;
    assert_eq!(revoked.status(), StatusCode::OK);
    let approve =
        async |id: &str| operator.post(&format!("/approvals/{id}/approve"), &json!({})).await.0;
    assert_eq!(approve(&id).await, StatusCode::NOT_FOUND);
    assert_eq!(stage.audit_of("approval")[0]["decision"], "withdrawn");
    // The end of its task withdraws it too.
    let id = wait_for(&stage, &grant).await;
    operator.post("/revoke", &json!({"agent": "billing", "task": "task-1"})).await;
    assert_eq!(approve(&id).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_summary_is_shown_with_what_hides_escaped_and_has_a_length() {
    let (stage, operator) = stage().await;
    let grant = stage.agent.grant().await;
    let long = format!("&binding_message={}", "x".repeat(501));
    assert_eq!(ask(&stage, &grant, &long).await.unwrap_err().error, RefusalCode::InvalidRequest);
    let hostile = "&binding_message=%3Cb%3E%E2%80%AE00.5%0A";
    assert!(ask(&stage, &grant, hostile).await.unwrap_err().pending.is_some());
    let (_, list) = operator.get("/approvals").await;
    assert_eq!(list["approvals"][0]["summary"], Value::from("<b>\\u{202e}00.5\\u{a}"));
}

#[tokio::test]
async fn what_needs_no_approval_asks_nobody() {
    let (stage, operator) = stage().await;
    let _nonce = stage.agent.mint(crate::agent::READ).await;
    assert_eq!(operator.get("/approvals").await.1, json!({"approvals": []}));
}
