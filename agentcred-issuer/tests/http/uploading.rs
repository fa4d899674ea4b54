//! Large bodies: passed on while they arrive, where a rule says so and nobody has to look inside.

use agentcred_protocol::proof;
use agentcred_protocol::refusal::RefusalCode;
use http::Method;
use tokio::io::AsyncWriteExt as _;

use crate::agent::{READ, Wish, broker_refusal};
use crate::sink::{Begun, Caller, FILES, LENGTH, Sink, UPLOAD, stage_before, upload_stage};
use crate::stage::Stage;
use crate::upstream::{Upstream, json};

pub(crate) const MULTIPART: &str = "multipart/form-data; boundary=b";

#[tokio::test]
async fn a_large_body_arrives_while_it_is_sent() {
    let Begun { stage, mut caller, mut upstream, .. } = Begun::of_bytes(LENGTH, |_| {}).await;
    let body: Vec<u8> = (0..=250).cycle().take(LENGTH).collect();
    assert!(
        upstream.head.contains(&format!("\r\ncontent-length: {LENGTH}\r\n")),
        "{}",
        upstream.head
    );
    assert!(!upstream.head.contains("transfer-encoding"), "{}", upstream.head);
    // Each piece is sent only when the one before it has arrived.
    for piece in body.chunks(200_000) {
        let arrived = upstream.body.len();
        caller.send(piece).await;
        upstream.take(arrived + piece.len()).await;
    }
    assert!(upstream.body == body, "it was changed on its way");
    upstream.answer(&json("{}")).await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(stage.audit_of("answer")[0]["status"], 200);
}

#[tokio::test]
async fn no_more_is_read_than_the_upstream_takes() {
    let length = 256 << 20;
    let Begun { mut caller, mut upstream, stage: _stage, .. } =
        Begun::of_bytes(length, |_| {}).await;
    let piece = vec![7; 1 << 20];
    let mut sent = 0;
    // Until nothing goes any more: everything between the two ends is full.
    while let Ok(written) =
        tokio::time::timeout(std::time::Duration::from_secs(1), caller.0.write(&piece)).await
    {
        sent += written.unwrap();
        assert!(sent < length / 2, "{sent} bytes were taken that nobody reads");
    }
    // Once somebody reads, the rest goes.
    upstream.take(sent).await;
    while sent < length {
        upstream.body.clear();
        let next = piece.len().min(length - sent);
        caller.send(&piece[..next]).await;
        upstream.take(next).await;
        sent += next;
    }
    upstream.answer(&json("{}")).await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
}

/// Uploads a body of this type.
async fn upload(stage: &Stage, content_type: Option<&str>, body: Vec<u8>) -> reqwest::Response {
    let nonce = stage.agent.mint(UPLOAD).await;
    let proof = stage.agent.nonce_proof(&nonce, &Method::POST, FILES);
    let mut request =
        stage.agent.request(&nonce, &Method::POST, FILES).header(proof::HEADER, proof);
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    request.body(body).send().await.unwrap()
}

/// A multipart body that is large, with a field of this name in its middle.
pub(crate) fn multipart(field: &str) -> Vec<u8> {
    let file = vec![b'x'; LENGTH / 2];
    let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    let part = format!("\r\n--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\nDELETE");
    [head.as_bytes(), &file, part.as_bytes(), head.as_bytes(), &file, b"\r\n--b--\r\n"].concat()
}

#[tokio::test]
async fn what_may_hold_fields_anywhere_is_read_whole_or_refused() {
    let stage = stage_before(Upstream::answering(json("{}")).await, |_| {}).await;
    let types = [
        Some("application/x-www-form-urlencoded"),
        Some("application/json"),
        Some("application/vnd.api+json; charset=utf-8"),
        Some("multipart/json"),
        Some("form"),
        None,
    ];
    for content_type in types {
        let refused = broker_refusal(upload(&stage, content_type, vec![b' '; LENGTH]).await).await;
        assert_eq!(refused.code, RefusalCode::ContentTooLarge, "{content_type:?}");
        assert_eq!(refused.status, 413, "{content_type:?}");
        assert_eq!(stage.last_reason(), "large_body_of_fields");
    }
    assert!(stage.upstream.arrived().is_empty());
    // As much as is read whole passes, and others pass whatever their size.
    for (content_type, length) in types.into_iter().map(|it| (it, 1 << 20)).chain([
        (Some("application/octet-stream"), LENGTH),
        (Some("text/csv"), LENGTH),
        (Some(MULTIPART), LENGTH),
    ]) {
        let answer = upload(&stage, content_type, vec![b' '; length]).await;
        assert_eq!(answer.status(), 200, "{content_type:?}");
        assert_eq!(stage.upstream.arrived().last().unwrap().body.len(), length);
    }
}

#[tokio::test]
async fn a_multipart_body_is_looked_at_while_it_passes() {
    let stage = stage_before(Upstream::answering(json("{}")).await, |_| {}).await;
    for field in ["_method", "_METHOD", "%5Fmethod", "x-http-method-override"] {
        let refused = broker_refusal(upload(&stage, Some(MULTIPART), multipart(field)).await).await;
        assert_eq!(refused.code, RefusalCode::MethodOverride, "{field}");
        assert_eq!(stage.audit_of("answer").last().unwrap()["outcome"], "cut_off");
    }
    assert!(stage.upstream.arrived().is_empty(), "a request was completed");
    // The control: a field that is only named alike passes.
    let body = multipart("payment_kind");
    assert_eq!(upload(&stage, Some(MULTIPART), body.clone()).await.status(), 200);
    assert!(stage.upstream.arrived()[0].body == body);
}

#[tokio::test]
async fn a_body_beyond_the_rule_is_refused_before_it_is_sent() {
    let (stage, listener) = upload_stage(|_| {}).await;
    for (wish, path, length) in [
        (UPLOAD, FILES, (2_usize << 30) + 1),
        (Wish { scope: "write:refunds", ..READ }, "/egress/stripe/v1/refunds", (1 << 20) + 1),
    ] {
        let nonce = stage.agent.mint(wish).await;
        let proof = stage.agent.nonce_proof(&nonce, &Method::POST, path);
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: b\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\
             content-type: text/csv\r\nauthorization: {}\r\ndpop: {}\r\n\r\n",
            nonce.authorization().unwrap().to_str().unwrap(),
            proof.to_str().unwrap()
        );
        let client = crate::raw::RawClient::connect(&stage.agent.issuer).await;
        let answer = client.until_closed(head.as_bytes()).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        // Whoever asked before sending is told before sending.
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("agentcred-error: content_too_large\r\n"), "{answer}");
        assert_eq!(stage.last_reason(), "body_too_large");
    }
    assert!(futures_util::FutureExt::now_or_never(listener.accept()).is_none());
}

#[tokio::test]
async fn who_asks_before_sending_is_told_to_once_the_upstream_is_there() {
    let (stage, listener) = upload_stage(|_| {}).await;
    let nonce = stage.agent.mint(UPLOAD).await;
    let more = "content-type: text/csv\r\nexpect: 100-continue\r\n";
    let mut caller = Caller::begin(&stage, &nonce, LENGTH, more).await;
    let mut upstream = Sink::open(&listener).await;
    assert!(!upstream.head.contains("expect"), "{}", upstream.head);
    assert_eq!(caller.answer().await, "HTTP/1.1 100 Continue\r\n\r\n");
    caller.send(&vec![b'a'; LENGTH]).await;
    upstream.take(LENGTH).await;
    upstream.answer(&json("{}")).await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
}
