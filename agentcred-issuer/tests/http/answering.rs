//! What of an upstream's answer comes back, and that the real key and the nonce never do.

use std::time::Duration;

use agentcred_protocol::proof;
use agentcred_protocol::refusal::{REFUSAL_HEADER, RETRYABLE_HEADER, RefusalCode};
use agentcred_protocol::scrub::REDACTED;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;

use crate::agent::{READ, broker_refusal};
use crate::stage::{REAL_KEY, Stage};
use crate::upstream::{Arrived, Upstream, answer, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

/// An upstream that echoes what it was sent: key, headers and all.
fn echo(request: &Arrived) -> Vec<u8> {
    let authorization = request.header("authorization")[0];
    let basic = STANDARD.encode(format!("user:{REAL_KEY}"));
    json(&format!(
        r#"{{"you_sent":"{authorization}","basic":"{basic}","line":"{}"}}"#,
        request.line()
    ))
    .into_bytes()
}

// Leak channel 7.
#[tokio::test]
async fn the_real_key_is_taken_out_of_what_comes_back() {
    let stage = Stage::before(Upstream::start(echo).await).await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("content-length"));
    let body = response.text().await.unwrap();
    // The control: what the upstream sent did hold the key.
    let sent = String::from_utf8(echo(&stage.upstream.arrived()[0])).unwrap();
    assert!(sent.contains(REAL_KEY));
    assert!(!body.contains(REAL_KEY), "{body}");
    assert_eq!(body.matches(REDACTED).count(), 2, "{body}");
    assert!(body.ends_with(r#""line":"GET /v1/customers"}"#), "{body}");
}

// Leak channel 7.
#[tokio::test]
async fn the_nonce_is_taken_out_of_what_comes_back() {
    let stage = Stage::before(Upstream::start(echo).await).await;
    let nonce = stage.agent.mint(READ).await;
    let text = nonce.authorization().unwrap().to_str().unwrap().replace("DPoP ", "");
    let response = stage.agent.get(&nonce, &format!("{CUSTOMERS}?email={text}")).await;
    assert_eq!(response.status(), 200);
    assert!(stage.upstream.arrived()[0].line().contains(&text));
    let body = response.text().await.unwrap();
    assert!(!body.contains(&text) && body.contains("email=[redacted]"), "{body}");
    assert!(!stage.audit_text().contains(&text));
}

// Leak channel 12.
#[tokio::test]
async fn headers_come_back_from_a_list_and_clean() {
    let headers = [
        ("content-type", "application/json"),
        ("request-id", "req_1"),
        ("retry-after", "3"),
        ("x-ratelimit-remaining", "7"),
        ("x-request-id", REAL_KEY),
        ("x-echo", REAL_KEY),
        ("set-cookie", "a=b"),
        ("location", "https://elsewhere.example/"),
        ("www-authenticate", "Bearer"),
        ("server", "nginx"),
        ("agentcred-error", "invalid_token"),
        ("agentcred-retryable", "1"),
        ("cache-control", "public"),
    ];
    let stage = Stage::before(Upstream::answering(answer("401 Nope", &headers, "{}")).await).await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.status(), 401);
    let mut names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cache-control",
            "content-type",
            "date",
            "request-id",
            "retry-after",
            "transfer-encoding",
            "x-ratelimit-remaining"
        ]
    );
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!response.headers().contains_key(REFUSAL_HEADER));
}

#[tokio::test]
async fn redirects_are_not_followed_and_lead_nowhere() {
    for status in ["301 A", "302 A", "303 A", "307 A", "308 A"] {
        let elsewhere = Upstream::answering(json("{}")).await;
        let location = format!("http://{}/v1/customers", elsewhere.address);
        let redirect = answer(status, &[("location", &location)], "");
        let stage = Stage::before(Upstream::answering(redirect).await).await;
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        assert_eq!(response.status().as_str(), &status[..3]);
        assert!(!response.headers().contains_key("location"));
        assert!(elsewhere.arrived().is_empty());
    }
}

// Leak channel 11.
#[tokio::test]
async fn an_encoded_answer_is_refused() {
    let headers = [("content-encoding", "gzip")];
    let stage = Stage::before(Upstream::answering(answer("200 OK", &headers, "x")).await).await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert!(!response.headers().contains_key(RETRYABLE_HEADER));
    assert_eq!(broker_refusal(response).await.code, RefusalCode::UnreadableAnswer);
    assert_eq!(stage.last_reason(), "upstream_encoded_its_answer");
}

#[tokio::test]
async fn an_answer_that_says_it_is_too_large_is_refused() {
    let upstream = Upstream::answering(json(&"a".repeat(2000))).await;
    let stage = Stage::with(upstream, |parts| parts.limits.response_body = 1999).await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
    assert_eq!(stage.last_reason(), "upstream_answer_too_large");
}

#[tokio::test]
async fn an_answer_that_grows_too_large_is_cut_off_and_not_taken_for_whole() {
    for (limit, is_whole) in [(2000, true), (1999, false)] {
        // Without a length, its end is that of the connection.
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "a".repeat(2000));
        let upstream = Upstream::answering(endless).await;
        let stage = Stage::with(upstream, |parts| parts.limits.response_body = limit).await;
        let nonce = stage.agent.mint(READ).await;
        let proof = stage.agent.nonce_proof(&nonce, &Method::GET, CUSTOMERS);
        let request = stage.agent.request(&nonce, &Method::GET, CUSTOMERS);
        // The cut may come before the head of the answer went out.
        let body = match request.header(proof::HEADER, proof).send().await {
            Ok(response) => response.text().await,
            Err(error) => Err(error),
        };
        assert_eq!(body.is_ok(), is_whole, "{body:?}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off_at_the_deadline() {
    // It promises more than it sends and keeps the connection open.
    let started = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nstarted";
    let stage = Stage::with(Upstream::hanging_after(started).await, |parts| {
        parts.limits.upstream_time = Duration::from_millis(200);
    });
    let stage = stage.await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err());
}

#[tokio::test]
async fn silence_is_refused_at_the_deadline() {
    let stage = Stage::with(Upstream::hanging_after("").await, |parts| {
        parts.limits.upstream_time = Duration::from_millis(200);
    });
    let stage = stage.await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
    assert_eq!(stage.last_reason(), "upstream_timeout");
}

#[tokio::test]
async fn garbage_from_the_upstream_is_refused() {
    for garbage in ["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 200 OK\r\nbroken", "\0\0\0\0"] {
        let stage = Stage::before(Upstream::answering(garbage).await).await;
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
    }
}
