//! Server nonces: a proof made in advance is of no use, and nobody waits for one for nothing.

use std::time::Duration;

use agentcred_protocol::clock::Clock as _;
use agentcred_protocol::proof::{self, ProvenRequest, SERVER_NONCE_HEADER};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::task_form;
use agentcred_protocol::token::NonceToken;
use http::{HeaderValue, Method};
use reqwest::Response;

use crate::agent::{Agent, READ, broker_refusal, refusal};
use crate::stage::{Stage, write_private};
use crate::upstream::{Upstream, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

async fn stage() -> Stage {
    with_proofs(r#"server_nonce = "required""#).await
}

async fn with_proofs(proofs: &str) -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    Stage::with_policy(upstream, |policy, folder| {
        write_private(&folder.join("nonce.key"), &"k".repeat(32));
        policy.replace(r#"server_nonce = "off""#, proofs)
    })
    .await
}

fn given(response: &Response) -> String {
    response.headers()[SERVER_NONCE_HEADER].to_str().unwrap().to_owned()
}

async fn fetch(agent: &Agent) -> String {
    let url = agent.url("/.well-known/oauth-authorization-server");
    given(&agent.http.get(url).send().await.unwrap())
}

fn proof(
    stage: &Stage,
    request: ProvenRequest<'_>,
    server_nonce: Option<&str>,
    id: &str,
) -> HeaderValue {
    let now = stage.clock.now();
    proof::sign_with_server_nonce(&stage.agent.proof_key, request, server_nonce, id, now).unwrap()
}

async fn ask(stage: &Stage, server_nonce: Option<&str>) -> Response {
    let agent = &stage.agent;
    let url = agent.url("/token");
    let request = ProvenRequest { method: &Method::POST, url: &url, token_hash: None };
    let proof = proof(stage, request, server_nonce, &agent.new_id());
    let form = task_form(&agent.assertion(), &"task-1".parse().unwrap()).to_string();
    agent.post("/token", form, Some(proof)).await
}

async fn use_nonce(stage: &Stage, nonce: &NonceToken, server_nonce: Option<&str>) -> Response {
    let url = stage.agent.url(CUSTOMERS);
    let hash = nonce.proof_hash();
    let request = ProvenRequest { method: &Method::GET, url: &url, token_hash: Some(&hash) };
    let proof = proof(stage, request, server_nonce, &stage.agent.new_id());
    let request = stage.agent.request(nonce, &Method::GET, CUSTOMERS);
    request.header(proof::HEADER, proof).send().await.unwrap()
}

async fn mint(stage: &Stage) -> NonceToken {
    let grant = ask(stage, Some(&fetch(&stage.agent).await)).await.bytes().await.unwrap();
    let grant = agentcred_protocol::answer::GrantAnswer::from_json(&grant).unwrap().token;
    let url = stage.agent.url("/token");
    let request = ProvenRequest { method: &Method::POST, url: &url, token_hash: None };
    let server_nonce = fetch(&stage.agent).await;
    let proof = proof(stage, request, Some(&server_nonce), &stage.agent.new_id());
    let form = stage.agent.nonce_form(&grant, READ);
    let answer = stage.agent.post("/token", form, Some(proof)).await.bytes().await.unwrap();
    agentcred_protocol::answer::NonceAnswer::from_json(&answer).unwrap().token
}

#[tokio::test]
async fn every_answer_brings_the_next_server_nonce_and_it_is_good() {
    let stage = stage().await;
    let mut server_nonce = fetch(&stage.agent).await;
    for _ in 0..5 {
        stage.clock.advance(Duration::from_secs(100));
        let answer = ask(&stage, Some(&server_nonce)).await;
        assert_eq!(answer.status(), 200);
        server_nonce = given(&answer);
    }
}

#[tokio::test]
async fn the_token_endpoint_asks_for_one_and_says_which() {
    let stage = stage().await;
    let asked = ask(&stage, None).await;
    let server_nonce = given(&asked);
    let refused = refusal(asked).await;
    assert_eq!((refused.status.as_u16(), refused.code), (400, RefusalCode::UseDpopNonce));
    assert_eq!(stage.last_reason(), "server_nonce_missing_or_old");
    assert_eq!(ask(&stage, Some(&server_nonce)).await.status(), 200);
    for made_up in ["", "x", &"A".repeat(43)] {
        assert_eq!(refusal(ask(&stage, Some(made_up)).await).await.code, RefusalCode::UseDpopNonce);
    }
}

#[tokio::test]
async fn the_broker_asks_for_one_and_spends_nothing() {
    let stage = stage().await;
    let nonce = mint(&stage).await;
    let asked = use_nonce(&stage, &nonce, None).await;
    let server_nonce = given(&asked);
    let refused = broker_refusal(asked).await;
    assert_eq!((refused.status.as_u16(), refused.code), (401, RefusalCode::UseDpopNonce));
    assert!(stage.upstream.arrived().is_empty());
    assert_eq!(use_nonce(&stage, &nonce, Some(&server_nonce)).await.status(), 200);
}

#[tokio::test]
async fn a_proof_made_in_advance_is_of_no_use() {
    let stage = stage().await;
    let server_nonce = fetch(&stage.agent).await;
    assert_eq!(ask(&stage, Some(&server_nonce)).await.status(), 200);
    // Whoever had the key for a moment can date proofs as he likes; the server nonce he cannot.
    stage.clock.advance(Duration::from_mins(4));
    let refused = refusal(ask(&stage, Some(&server_nonce)).await).await;
    assert_eq!(refused.code, RefusalCode::UseDpopNonce);
    // Without server nonces, nothing would be wrong with it.
    let lax = with_proofs(r#"server_nonce = "off""#).await;
    lax.clock.advance(Duration::from_mins(4));
    assert_eq!(ask(&lax, Some(&server_nonce)).await.status(), 200);
}

#[tokio::test]
async fn issuers_with_one_key_know_each_others_server_nonces() {
    let shared = "server_nonce_key = \"file:nonce.key\"";
    let (first, second) = (with_proofs(shared).await, with_proofs(shared).await);
    assert_eq!(ask(&second, Some(&fetch(&first.agent).await)).await.status(), 200);
    let alone = stage().await;
    let refused = refusal(ask(&alone, Some(&fetch(&first.agent).await)).await).await;
    assert_eq!(refused.code, RefusalCode::UseDpopNonce);
}
