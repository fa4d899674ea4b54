//! What of a request reaches the upstream, and what never does.

use std::time::Duration;

use agentcred_protocol::proof;
use agentcred_protocol::refusal::{RETRYABLE_HEADER, RefusalCode};
use http::Method;
use tokio::net::TcpListener;

use crate::agent::{READ, Wish, broker_refusal};
use crate::stage::{REAL_KEY, Stage, write_private};
use crate::upstream::Upstream;

const CUSTOMERS: &str = "/egress/stripe/v1/customers";
const REFUND: Wish<'_> = Wish { scope: "write:refunds", ..READ };

#[tokio::test]
async fn headers_come_from_a_list_and_the_key_stands_alone() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    let proof = stage.agent.nonce_proof(&nonce, &Method::GET, CUSTOMERS);
    let mut request = stage.agent.request(&nonce, &Method::GET, CUSTOMERS);
    for (name, value) in [
        ("accept", "application/json"),
        ("stripe-version", "2026-01-01"),
        ("stripe-account", "acct_other"),
        ("cookie", "a=b"),
        ("connection", "keep-alive, authorization"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-original-url", "/v1/refunds"),
        ("x-api-key", "mine"),
        ("proxy-authorization", "Basic YTpi"),
        ("accept-encoding", "gzip"),
        ("range", "bytes=0-1"),
        ("agentcred-error", "invalid_token"),
    ] {
        request = request.header(name, value);
    }
    let response = request.header(proof::HEADER, proof).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let arrived = &stage.upstream.arrived()[0];
    assert_eq!(
        arrived.header_names(),
        ["accept", "accept-encoding", "authorization", "host", "stripe-version", "user-agent"]
    );
    assert_eq!(arrived.header("authorization"), [format!("Bearer {REAL_KEY}")]);
    assert_eq!(arrived.header("accept-encoding"), ["identity"]);
    assert_eq!(arrived.header("host"), [stage.upstream.address.to_string()]);
}

#[tokio::test]
async fn a_second_authorization_is_refused() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    let proof = stage.agent.nonce_proof(&nonce, &Method::GET, CUSTOMERS);
    let request = stage.agent.request(&nonce, &Method::GET, CUSTOMERS);
    let request = request.header("authorization", "Bearer mine").header(proof::HEADER, proof);
    let refused = broker_refusal(request.send().await.unwrap()).await;
    assert_eq!(refused.code, RefusalCode::InvalidToken);
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn a_header_that_stands_twice_is_refused() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    let proof = stage.agent.nonce_proof(&nonce, &Method::GET, CUSTOMERS);
    let request = stage.agent.request(&nonce, &Method::GET, CUSTOMERS);
    let request = request
        .header("content-type", "text/plain")
        .header("content-type", "application/json")
        .header(proof::HEADER, proof);
    let refused = broker_refusal(request.send().await.unwrap()).await;
    assert_eq!(refused.code, RefusalCode::InvalidRequest);
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn a_key_can_go_into_any_header() {
    let stage = Stage::set().await;
    let wish = Wish { service: "ledger", scope: "read:entries", ..READ };
    let nonce = stage.agent.mint(wish).await;
    assert_eq!(stage.agent.get(&nonce, "/egress/ledger/entries").await.status(), 200);
    let arrived = &stage.upstream.arrived()[0];
    assert_eq!(arrived.header("x-api-key"), [REAL_KEY]);
    assert!(arrived.header("authorization").is_empty());
}

#[tokio::test]
async fn a_body_is_passed_on_as_it_came() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(REFUND).await;
    let path = "/egress/stripe/v1/refunds";
    let proof = stage.agent.nonce_proof(&nonce, &Method::POST, path);
    let body = "charge=ch_1&amount=100";
    let request = stage.agent.request(&nonce, &Method::POST, path);
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("idempotency-key", "call_1")
        .header(proof::HEADER, proof)
        .body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let arrived = &stage.upstream.arrived()[0];
    assert_eq!(arrived.line(), "POST /v1/refunds");
    assert_eq!(arrived.body, body.as_bytes());
    assert_eq!(arrived.header("content-length"), [body.len().to_string()]);
    assert_eq!(arrived.header("content-type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(arrived.header("idempotency-key"), ["call_1"]);
}

#[tokio::test]
async fn a_body_too_large_or_on_a_get_is_refused() {
    let stage = Stage::set().await;
    let (large, invalid) = (RefusalCode::ContentTooLarge, RefusalCode::InvalidRequest);
    for (wish, method, path, body, code) in [
        (REFUND, Method::POST, "/egress/stripe/v1/refunds", "a".repeat(1024 * 1024 + 1), large),
        (READ, Method::GET, CUSTOMERS, "a=b".to_owned(), invalid),
    ] {
        let nonce = stage.agent.mint(wish).await;
        let proof = stage.agent.nonce_proof(&nonce, &method, path);
        let request = stage.agent.request(&nonce, &method, path);
        let response = request.header(proof::HEADER, proof).body(body).send().await.unwrap();
        assert_eq!(broker_refusal(response).await.code, code);
    }
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn when_no_connection_is_made_the_use_is_given_back() {
    // A port that nobody listens on any more, until somebody does.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::at(listener.local_addr().unwrap());
    drop(listener);
    let mut stage = Stage::before(upstream).await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.headers()[RETRYABLE_HEADER], "1");
    assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
    assert_eq!(stage.audit_of("answer")[0]["outcome"], "unreachable");

    stage.upstream.listen("{}").await;
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    let refused = broker_refusal(stage.agent.get(&nonce, CUSTOMERS).await).await;
    assert_eq!(refused.code, RefusalCode::InvalidToken);
}

// Leak channel 31.
#[tokio::test]
async fn once_something_was_sent_the_use_stays_spent() {
    let stage = Stage::before(Upstream::answering("").await).await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert!(!response.headers().contains_key(RETRYABLE_HEADER));
    assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
    assert_eq!(stage.audit_of("answer")[0]["outcome"], "lost");
    let refused = broker_refusal(stage.agent.get(&nonce, CUSTOMERS).await).await;
    assert_eq!(refused.code, RefusalCode::InvalidToken);
}

#[tokio::test]
async fn a_rotated_key_is_used_within_a_minute_and_a_missing_one_refuses() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(Wish { uses: 3, ..READ }).await;
    let file = stage.folder().join("stripe.key");
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    write_private(&file, "sk_live_the_next_one");
    stage.clock.advance(Duration::from_mins(1));
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    let arrived = stage.upstream.arrived();
    assert_eq!(arrived[1].header("authorization"), ["Bearer sk_live_the_next_one"]);
    std::fs::remove_file(&file).unwrap();
    stage.clock.advance(Duration::from_mins(1));
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
    assert_eq!(stage.upstream.arrived().len(), 2);
}
