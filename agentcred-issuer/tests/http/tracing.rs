//! The trace of a request: in the audit when it is one, refused when it is none, never upstream.

use agentcred_protocol::proof;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::token::NonceToken;
use http::Method;
use reqwest::Response;
use serde_json::Value;

use crate::agent::{READ, broker_refusal, refusal};
use crate::stage::Stage;

const CUSTOMERS: &str = "/egress/stripe/v1/customers";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn get(stage: &Stage, nonce: &NonceToken, parents: &[&str]) -> Response {
    let proof = stage.agent.nonce_proof(nonce, &Method::GET, CUSTOMERS);
    let mut request = stage.agent.request(nonce, &Method::GET, CUSTOMERS);
    for parent in parents {
        request = request.header("traceparent", *parent);
    }
    request.header(proof::HEADER, proof).send().await.unwrap()
}

async fn mint(stage: &Stage, parent: &str) -> Response {
    let form = stage.agent.nonce_form(&stage.agent.grant().await, READ);
    let request = stage.agent.http.post(stage.agent.url("/token")).header("traceparent", parent);
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .header(proof::HEADER, stage.agent.token_proof())
        .body(form)
        .send()
        .await
        .unwrap()
}

fn line(stage: &Stage, event: &str) -> Value {
    stage.audit().into_iter().find(|line| line["event"] == event).unwrap()
}

#[tokio::test]
async fn the_trace_of_a_use_is_in_the_audit_and_does_not_go_upstream() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    assert_eq!(get(&stage, &nonce, &[PARENT]).await.status(), 200);
    assert_eq!(line(&stage, "use")["trace_id"], TRACE);
    assert_eq!(line(&stage, "mint")["trace_id"], Value::Null, "it was minted without one");
    let arrived = stage.upstream.arrived();
    assert!(arrived[0].header("traceparent").is_empty());
}

#[tokio::test]
async fn the_trace_of_a_mint_is_in_the_audit() {
    let stage = Stage::set().await;
    assert_eq!(mint(&stage, PARENT).await.status(), 200);
    assert_eq!(line(&stage, "mint")["trace_id"], TRACE);
}

#[tokio::test]
async fn a_malformed_trace_is_refused_and_spends_nothing() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    let (long, other) = (format!("{PARENT}0"), PARENT.replace("00-4bf", "01-4bf"));
    for parents in [&["canary"][..], &[""], &[&long], &[&other], &[PARENT, PARENT]] {
        let refused = broker_refusal(get(&stage, &nonce, parents).await).await;
        assert_eq!(refused.code, RefusalCode::InvalidRequest, "{parents:?}");
    }
    assert_eq!(line(&stage, "refusal")["reason"], "malformed_traceparent");
    assert_eq!(refusal(mint(&stage, "canary").await).await.code, RefusalCode::InvalidRequest);
    assert!(!stage.audit_text().contains("canary"));
    assert_eq!(get(&stage, &nonce, &[PARENT]).await.status(), 200, "nothing was spent");
}
