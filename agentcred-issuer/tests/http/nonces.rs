//! What a nonce is not good for: each way to misuse one, and the code that answers it.

use std::time::Duration;

use agentcred_protocol::key::SigningKey;
use agentcred_protocol::proof::{self, ProvenRequest};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::token::NonceToken;
use aws_lc_rs::rand::SystemRandom;
use http::Method;
use reqwest::{Response, StatusCode};

use crate::agent::{Agent, READ, Refusal, Wish, broker_refusal};
use crate::stage::Stage;

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

async fn assert_refused(response: Response, status: u16, code: RefusalCode) {
    let status = StatusCode::from_u16(status).unwrap();
    assert_eq!(broker_refusal(response).await, Refusal { status, code });
}

/// The nonce has exactly this many uses left: so many requests pass, and no more.
async fn assert_uses_left(agent: &Agent, nonce: &NonceToken, uses: usize) {
    for _ in 0..uses {
        assert_eq!(agent.get(nonce, CUSTOMERS).await.status(), 200);
    }
    assert_refused(agent.get(nonce, CUSTOMERS).await, 401, RefusalCode::InvalidToken).await;
}

#[tokio::test]
async fn a_nonce_works_once() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    assert_uses_left(&stage.agent, &nonce, 1).await;
    assert_eq!(stage.last_reason(), "spent");
    assert_eq!(stage.upstream.arrived().len(), 1);
}

#[tokio::test]
async fn a_nonce_works_as_often_as_it_was_granted() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(Wish { uses: 3, ..READ }).await;
    assert_uses_left(&stage.agent, &nonce, 3).await;
    assert_eq!(stage.upstream.arrived().len(), 3);
}

#[tokio::test]
async fn a_nonce_works_until_just_before_its_expiry() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    stage.clock.advance(Duration::from_millis(299_999));
    assert_uses_left(&stage.agent, &nonce, 1).await;
}

// Leak channel 40.
#[tokio::test]
async fn an_expired_nonce_is_refused() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    stage.clock.advance(Duration::from_mins(5));
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_refused(response, 401, RefusalCode::InvalidToken).await;
    assert_eq!(stage.last_reason(), "expired");
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn another_path_is_refused_and_spends_the_use() {
    let stage = Stage::set().await;
    for path in ["/egress/stripe/v1/payouts", "/egress/stripe/v1/customers/cus_1/sources"] {
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, path).await;
        assert_refused(response, 403, RefusalCode::InsufficientScope).await;
        assert_uses_left(&stage.agent, &nonce, 0).await;
    }
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn another_method_is_refused_and_spends_the_use() {
    let stage = Stage::set().await;
    for method in [Method::POST, Method::DELETE, Method::HEAD, Method::OPTIONS] {
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.send(&nonce, method.clone(), CUSTOMERS).await;
        if method == Method::HEAD {
            assert_eq!(response.status(), 403);
        } else {
            assert_refused(response, 403, RefusalCode::InsufficientScope).await;
        }
        assert_uses_left(&stage.agent, &nonce, 0).await;
    }
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn another_query_is_refused_and_spends_the_use() {
    let stage = Stage::set().await;
    for query in ["expand=data", "limit=1&limit=2", "limit=1&expand%5B%5D=x", "limit"] {
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, &format!("{CUSTOMERS}?{query}")).await;
        assert_refused(response, 403, RefusalCode::InsufficientScope).await;
        assert_uses_left(&stage.agent, &nonce, 0).await;
    }
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn another_service_is_refused_and_spends_the_use() {
    let stage = Stage::set().await;
    for service in ["ledger/entries", "nowhere/entries"] {
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, &format!("/egress/{service}")).await;
        assert_refused(response, 400, RefusalCode::InvalidTarget).await;
        assert_uses_left(&stage.agent, &nonce, 0).await;
    }
    assert!(stage.upstream.arrived().is_empty());
}

// Leak channel 44.
#[tokio::test]
async fn another_key_is_refused_and_spends_nothing() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    let stolen = stage.other_agent.get(&nonce, CUSTOMERS).await;
    assert_refused(stolen, 401, RefusalCode::InvalidDpopProof).await;
    assert_eq!(stage.last_reason(), "proof_by_another_key");
    assert_uses_left(&stage.agent, &nonce, 1).await;
}

#[tokio::test]
async fn a_missing_or_doubled_proof_is_refused_and_spends_nothing() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    let bare = || stage.agent.request(&nonce, &Method::GET, CUSTOMERS);
    let missing = bare().send().await.unwrap();
    assert_refused(missing, 401, RefusalCode::InvalidDpopProof).await;
    let proof = || stage.agent.nonce_proof(&nonce, &Method::GET, CUSTOMERS);
    let doubled = bare().header(proof::HEADER, proof()).header(proof::HEADER, proof());
    assert_refused(doubled.send().await.unwrap(), 401, RefusalCode::InvalidDpopProof).await;
    assert_uses_left(&stage.agent, &nonce, 1).await;
}

#[tokio::test]
async fn a_replayed_proof_is_refused_and_spends_nothing() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(Wish { uses: 2, ..READ }).await;
    let proof = stage.agent.nonce_proof(&nonce, &Method::GET, CUSTOMERS);
    let send = || {
        let request = stage.agent.request(&nonce, &Method::GET, CUSTOMERS);
        request.header(proof::HEADER, proof.clone()).send()
    };
    assert_eq!(send().await.unwrap().status(), 200);
    assert_refused(send().await.unwrap(), 401, RefusalCode::InvalidDpopProof).await;
    assert_eq!(stage.last_reason(), "proof_replayed");
    assert_uses_left(&stage.agent, &nonce, 1).await;
}

#[tokio::test]
async fn a_proof_for_another_request_is_refused_and_spends_nothing() {
    let stage = Stage::set().await;
    let agent = &stage.agent;
    let nonce = agent.mint(READ).await;
    let other_nonce = agent.mint(READ).await;
    let hash = nonce.proof_hash();
    let other_host = "http://127.0.0.1:1/egress/stripe/v1/customers".parse().unwrap();
    let (method, token_hash) = (&Method::GET, Some(hash.as_str()));
    let too_old = agent.nonce_proof(&nonce, method, CUSTOMERS);
    stage.clock.advance(Duration::from_secs(61));
    for wrong in [
        agent.nonce_proof(&nonce, &Method::POST, CUSTOMERS),
        agent.nonce_proof(&nonce, method, "/egress/stripe/v1/customers/cus_1"),
        agent.nonce_proof(&other_nonce, method, CUSTOMERS),
        agent.proof(ProvenRequest { method, url: &other_host, token_hash }),
        agent.proof(ProvenRequest { method, url: &agent.url(CUSTOMERS), token_hash: None }),
        too_old,
        "not.a.proof".parse().unwrap(),
    ] {
        let request = agent.request(&nonce, method, CUSTOMERS).header(proof::HEADER, wrong);
        let response = request.send().await.unwrap();
        assert_refused(response, 401, RefusalCode::InvalidDpopProof).await;
    }
    assert_uses_left(agent, &nonce, 1).await;
}

// Leak channel 44.
#[tokio::test]
async fn a_thief_with_a_key_of_his_own_gets_nothing() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    let thief = SigningKey::ephemeral().unwrap();
    let hash = nonce.proof_hash();
    let url = stage.agent.url(CUSTOMERS);
    let request = ProvenRequest { method: &Method::GET, url: &url, token_hash: Some(&hash) };
    let now = agentcred_protocol::clock::Clock::now(&*stage.clock);
    let proof = proof::sign(&thief, request, "thief-1", now).unwrap();
    let request = stage.agent.request(&nonce, &Method::GET, CUSTOMERS);
    let response = request.header(proof::HEADER, proof).send().await.unwrap();
    assert_refused(response, 401, RefusalCode::InvalidDpopProof).await;
    assert!(stage.upstream.arrived().is_empty());
}

// Leak channel 40.
#[tokio::test]
async fn an_unknown_or_malformed_nonce_is_refused() {
    let stage = Stage::set().await;
    let unknown = NonceToken::mint(&SystemRandom::new()).unwrap();
    let response = stage.agent.get(&unknown, CUSTOMERS).await;
    assert_refused(response, 401, RefusalCode::InvalidToken).await;
    for value in ["DPoP acn_x", "Bearer acn_x", "acn_x", "", "Basic YTpi"] {
        let proof = stage.agent.nonce_proof(&unknown, &Method::GET, CUSTOMERS);
        let request = stage.agent.http.get(stage.agent.url(CUSTOMERS));
        let request = request.header("authorization", value).header(proof::HEADER, proof);
        let response = request.send().await.unwrap();
        assert_refused(response, 401, RefusalCode::InvalidToken).await;
    }
}

#[tokio::test]
async fn a_nonce_as_bearer_token_is_refused() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    let value = nonce.authorization().unwrap().to_str().unwrap().replace("DPoP", "Bearer");
    let proof = stage.agent.nonce_proof(&nonce, &Method::GET, CUSTOMERS);
    let request = stage.agent.http.get(stage.agent.url(CUSTOMERS));
    let request = request.header("authorization", value).header(proof::HEADER, proof);
    let response = request.send().await.unwrap();
    assert_refused(response, 401, RefusalCode::InvalidToken).await;
    assert_uses_left(&stage.agent, &nonce, 1).await;
}

#[tokio::test]
async fn a_task_grant_is_no_nonce() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    let proof = {
        let (url, hash) = (stage.agent.url(CUSTOMERS), grant.proof_hash());
        let request = ProvenRequest { method: &Method::GET, url: &url, token_hash: Some(&hash) };
        stage.agent.proof(request)
    };
    let request = stage.agent.http.get(stage.agent.url(CUSTOMERS));
    let request = request
        .header("authorization", grant.authorization().unwrap())
        .header(proof::HEADER, proof);
    let response = request.send().await.unwrap();
    assert_refused(response, 401, RefusalCode::InvalidToken).await;
}
