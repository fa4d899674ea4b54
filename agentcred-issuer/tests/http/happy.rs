//! A call's whole path, as it should go.

use agentcred_protocol::metadata::{Metadata, WELL_KNOWN};
use agentcred_protocol::refusal::REFUSAL_HEADER;

use crate::agent::READ;
use crate::stage::{REAL_KEY, Stage};
use crate::upstream::{Upstream, json};

#[tokio::test]
async fn a_granted_request_reaches_the_upstream_with_the_real_key() {
    let stage = Stage::before(Upstream::answering(json(r#"{"data":[]}"#)).await).await;
    let nonce = stage.agent.mint(READ).await;
    let path = "/egress/stripe/v1/customers?email=ada%40example.com&limit=3";
    let response = stage.agent.get(&nonce, path).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!response.headers().contains_key(REFUSAL_HEADER));
    assert_eq!(response.text().await.unwrap(), r#"{"data":[]}"#);

    let arrived = stage.upstream.arrived();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].line(), "GET /v1/customers?email=ada%40example.com&limit=3");
    assert_eq!(arrived[0].header("authorization"), [format!("Bearer {REAL_KEY}")]);
}

#[tokio::test]
async fn metadata_names_every_endpoint() {
    let stage = Stage::set().await;
    let url = stage.agent.url(WELL_KNOWN);
    let metadata: Metadata = stage.agent.http.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(&metadata.issuer, stage.server.url());
    assert_eq!(metadata.token_endpoint, stage.agent.url("/token"));
    assert_eq!(metadata.revocation_endpoint, stage.agent.url("/revoke"));
    assert_eq!(metadata.agentcred_egress_endpoint, stage.agent.url("/egress"));
}
