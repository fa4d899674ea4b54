//! An upstream that fails or is busy is left alone, and whoever asks is told for how long.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentcred_protocol::refusal::{RETRYABLE_HEADER, RefusalCode};
use http::StatusCode;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::agent::{READ, Wish, broker_refusal};
use crate::sink::{Caller, LENGTH, Sink, UPLOAD, upload_stage};
use crate::stage::Stage;
use crate::upstream::{Upstream, answer, json, read_request};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_left_alone_and_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut stage = Stage::before(Upstream::at(address)).await;
    // One nonce with one use: every refusal gives it back.
    let nonce = stage.agent.mint(READ).await;
    for _ in 0..5 {
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        assert!(!response.headers().contains_key("retry-after"));
        assert_eq!(stage.last_reason(), "upstream_refused_connection");
    }
    stage.upstream.listen("{}").await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.headers()["retry-after"], "10");
    assert_eq!(response.headers()[RETRYABLE_HEADER], "1");
    assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
    assert_eq!(stage.last_reason(), "upstream_held_back");
    assert_eq!(stage.audit_of("answer").last().unwrap()["outcome"], "held_back");
    stage.clock.advance(Duration::from_millis(8500));
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.headers()["retry-after"], "2");
    assert!(stage.upstream.arrived().is_empty());
    stage.clock.advance(Duration::from_millis(1500));
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    let nonce = stage.agent.mint(READ).await;
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
}

#[tokio::test]
async fn an_upstream_that_asks_for_patience_gets_it_from_everybody() {
    for status in ["429 Too Many", "503 Busy"] {
        let asked = AtomicUsize::new(0);
        let upstream = Upstream::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => answer(status, &[("retry-after", "30")], "").into_bytes(),
            _ => json("{}").into_bytes(),
        });
        let stage = Stage::before(upstream.await).await;
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        assert_eq!(response.status().as_str(), &status[..3]);
        assert_eq!(response.headers()["retry-after"], "30");
        assert!(!response.headers().contains_key(RETRYABLE_HEADER));
        let nonce = stage.agent.mint(READ).await;
        stage.clock.advance(Duration::from_secs(10));
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        assert_eq!(response.headers()["retry-after"], "20");
        assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
        assert_eq!(stage.upstream.arrived().len(), 1);
        stage.clock.advance(Duration::from_secs(20));
        assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    }
}

#[tokio::test]
async fn an_upstream_that_breaks_off_is_left_alone_and_its_callers_are_not() {
    let stage = Stage::before(Upstream::answering("").await).await;
    for _ in 0..5 {
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        assert!(!response.headers().contains_key(RETRYABLE_HEADER));
        assert_eq!(stage.last_reason(), "upstream_broke_off");
    }
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.headers()["retry-after"], "10");
    assert_eq!(stage.last_reason(), "upstream_held_back");
    assert_eq!(stage.upstream.arrived().len(), 5);

    // Uploads that their callers break off say nothing of the upstream.
    let (stage, listener) = upload_stage(|_| {}).await;
    for _ in 0..8 {
        let nonce = stage.agent.mint(UPLOAD).await;
        let caller = Caller::of_bytes(&stage, &nonce, LENGTH).await;
        let mut upstream = Sink::open(&listener).await;
        drop(caller);
        upstream.until_closed().await;
    }
}

#[tokio::test]
async fn a_try_over_a_connection_that_had_ended_goes_on_over_a_new_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = Stage::before(Upstream::at(listener.local_addr().unwrap())).await;
    let upstream = tokio::spawn(async move {
        let (mut kept, _) = listener.accept().await.unwrap();
        read_request(&mut kept).await.unwrap();
        let busy = answer("503 Busy", &[("retry-after", "1")], "");
        kept.write_all(busy.as_bytes()).await.unwrap();
        // The connection ends under the next request.
        read_request(&mut kept).await.unwrap();
        drop(kept);
        let (mut new, _) = listener.accept().await.unwrap();
        read_request(&mut new).await.unwrap();
        new.write_all(json("{}").as_bytes()).await.unwrap();
    });
    let nonce = stage.agent.mint(Wish { uses: 2, ..READ }).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(
        (response.status(), &*response.text().await.unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "")
    );
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    assert_eq!(stage.audit_of("use")[2]["again"], "new_connection");
    upstream.await.unwrap();
}

#[tokio::test]
async fn errors_that_may_be_about_one_request_hold_nobody_back() {
    for status in ["400 Bad", "401 No", "404 None", "429 Slow", "500 Error"] {
        let stage = Stage::before(Upstream::answering(answer(status, &[], "")).await).await;
        for _ in 0..8 {
            let nonce = stage.agent.mint(READ).await;
            let response = stage.agent.get(&nonce, CUSTOMERS).await;
            assert_eq!(response.status().as_str(), &status[..3]);
        }
        assert_eq!(stage.upstream.arrived().len(), 8, "{status}");
    }
}
