//! Uploads that end early, at either end: never completed at the upstream, never sent twice.

use std::time::Duration;

use agentcred_issuer::Parts;
use agentcred_protocol::refusal::RefusalCode;
use tokio::io::AsyncWriteExt as _;

use crate::agent::broker_refusal;
use crate::sink::{Begun, Caller, FILES, HALF, LENGTH, PATIENCE, Sink, UPLOAD, upload_stage};
use crate::stage::Stage;

/// Short times, so that a test need not wait long for them.
pub(crate) fn impatient(parts: &mut Parts) {
    parts.limits.stall_time = Duration::from_millis(300);
}

/// Waits until the audit has an answer with this outcome.
pub(crate) async fn until_recorded(stage: &Stage, outcome: &str) {
    let waiting = async {
        while stage.audit_of("answer").iter().all(|line| line["outcome"] != outcome) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

/// No request left but the one.
fn assert_sent_once(stage: &Stage) {
    assert_eq!(stage.audit_of("use").len(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_whole_request() {
    let Begun { stage, nonce, caller, mut upstream, .. } = Begun::half_way(|_| {}).await;
    drop(caller);
    assert_eq!(upstream.until_closed().await, HALF);
    until_recorded(&stage, "cut_off").await;
    assert_sent_once(&stage);
    // The use stays spent: of two there is one left.
    let second = stage.agent.send(&nonce, http::Method::DELETE, FILES).await;
    assert_eq!(broker_refusal(second).await.code, RefusalCode::InsufficientScope);
    let third = stage.agent.send(&nonce, http::Method::DELETE, FILES).await;
    assert_eq!(broker_refusal(third).await.code, RefusalCode::InvalidToken);
}

#[tokio::test]
async fn a_caller_that_half_closes_leaves_no_whole_request() {
    let Begun { stage, mut caller, mut upstream, .. } = Begun::of_bytes(LENGTH, |_| {}).await;
    caller.send(&vec![1; LENGTH - 1]).await;
    caller.0.shutdown().await.unwrap();
    assert_eq!(upstream.until_closed().await, LENGTH - 1);
    until_recorded(&stage, "cut_off").await;
}

#[tokio::test]
async fn a_caller_that_says_nothing_more_is_cut_off() {
    let Begun { stage, mut caller, mut upstream, .. } = Begun::half_way(impatient).await;
    assert_eq!(upstream.until_closed().await, HALF);
    assert!(caller.answer().await.starts_with("HTTP/1.1 400 "));
    assert_eq!(stage.last_reason(), "body_too_slow");
    assert_eq!(stage.audit_of("answer")[0]["outcome"], "cut_off");
}

#[tokio::test]
async fn a_byte_now_and_then_buys_no_more_than_the_rules_time() {
    let (stage, listener) = upload_stage(|parts| parts.limits.stall_time = PATIENCE).await;
    let nonce = stage.agent.mint(UPLOAD).await;
    let policy = std::fs::read_to_string(stage.folder().join(crate::stage::CONFIG)).unwrap();
    let shorter = policy.replace("max_time = \"10m\"", "max_time = \"1s\"");
    std::fs::write(stage.folder().join(crate::stage::CONFIG), shorter).unwrap();
    stage.server.reload().await.unwrap();
    let mut caller = Caller::of_bytes(&stage, &nonce, LENGTH).await;
    let mut upstream = Sink::open(&listener).await;
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    let trickle = async {
        while caller.0.write_all(b"a").await.is_ok() {
            pause.tick().await;
        }
    };
    let closed = async { upstream.until_closed().await };
    let arrived = tokio::select! { arrived = closed => arrived, () = trickle => panic!("not cut") };
    assert!(arrived < 100, "{arrived}");
    until_recorded(&stage, "cut_off").await;
}

#[tokio::test]
async fn an_upstream_that_takes_nothing_more_is_given_up() {
    let length = 256 << 20;
    let Begun { stage, caller, mut upstream, .. } = Begun::of_bytes(length, impatient).await;
    let (mut reading, mut writing) = caller.0.into_split();
    let sending = tokio::spawn(async move {
        let piece = vec![1; 1 << 20];
        while writing.write_all(&piece).await.is_ok() {}
    });
    let mut answer = Vec::new();
    let answered = tokio::io::AsyncReadExt::read_buf(&mut reading, &mut answer);
    tokio::time::timeout(PATIENCE, answered).await.expect("no answer").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(stage.last_reason(), "upstream_timeout");
    assert_eq!(stage.audit_of("answer")[0]["outcome"], "lost");
    assert!(upstream.until_closed().await < length / 2);
    sending.await.unwrap();
}

#[tokio::test]
async fn an_upstream_that_goes_away_is_asked_once() {
    let Begun { stage, listener, mut caller, mut upstream, .. } =
        Begun::of_bytes(LENGTH, |_| {}).await;
    caller.send(&vec![1; LENGTH]).await;
    upstream.take(LENGTH).await;
    drop(upstream);
    assert!(caller.answer().await.starts_with("HTTP/1.1 503 "));
    assert_eq!(stage.audit_of("answer")[0]["outcome"], "lost");
    assert_sent_once(&stage);
    assert!(futures_util::FutureExt::now_or_never(listener.accept()).is_none());
}

#[tokio::test]
async fn an_upload_is_not_sent_again_with_a_newer_key() {
    let Begun { stage, listener, mut caller, mut upstream, .. } =
        Begun::of_bytes(LENGTH, |_| {}).await;
    crate::stage::write_private(&stage.folder().join("stripe.key"), "sk_live_the_next_one");
    caller.send(&vec![1; LENGTH]).await;
    upstream.take(LENGTH).await;
    upstream.answer("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 401 "));
    assert_sent_once(&stage);
    assert!(futures_util::FutureExt::now_or_never(listener.accept()).is_none());
}

#[tokio::test]
async fn an_early_refusal_of_the_upstream_comes_back() {
    let Begun { stage, mut caller, mut upstream, .. } = Begun::half_way(|_| {}).await;
    upstream
        .answer("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 413 "));
    assert_eq!(stage.audit_of("answer")[0]["status"], 413);
    drop(caller);
    assert_eq!(upstream.until_closed().await, HALF);
}

#[tokio::test]
async fn an_upstream_may_answer_while_the_body_is_on_its_way() {
    let Begun { stage, mut caller, mut upstream, .. } = Begun::half_way(|_| {}).await;
    // An event goes out at once; of other answers the first bytes are looked at.
    upstream.answer("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n").await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
    caller.send(&vec![1; LENGTH - HALF]).await;
    upstream.take(LENGTH).await;
    upstream.answer("data: 2\n\n").await;
    upstream.stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    while !String::from_utf8_lossy(&rest).contains("data: 2") {
        assert!(tokio::io::AsyncReadExt::read_buf(&mut caller.0, &mut rest).await.unwrap() > 0);
    }
    assert_eq!(stage.audit_of("answer").len(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_after_an_early_answer_is_in_the_audit() {
    let Begun { stage, mut caller, mut upstream, .. } = Begun::half_way(|_| {}).await;
    upstream.answer("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n").await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
    drop(caller);
    assert_eq!(upstream.until_closed().await, HALF);
    until_recorded(&stage, "cut_off").await;
    assert_eq!(stage.audit_of("answer")[0]["status"], 200);
}

#[tokio::test]
async fn a_small_body_whose_connection_makes_way_never_leaves() {
    let (stage, listener) = upload_stage(|parts| parts.limits.connections = 2).await;
    let nonce = stage.agent.mint(UPLOAD).await;
    let mut caller = Caller::of_bytes(&stage, &nonce, 100).await;
    caller.send(&[1; 50]).await;
    // It has sent no whole request, so it makes way for those that are let in now.
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(tokio::net::TcpStream::connect(stage.server.address()).await.unwrap());
    }
    assert_eq!(caller.answer().await, "");
    let refused = async {
        while stage.audit_of("refusal").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("it was not refused");
    assert_eq!(stage.last_reason(), "body_incomplete");
    assert!(futures_util::FutureExt::now_or_never(listener.accept()).is_none());
}
