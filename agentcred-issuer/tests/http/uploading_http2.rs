//! Uploads to upstreams that speak HTTP/2: each on a stream of its own, which ends with it.

use agentcred_issuer::Parts;
use agentcred_protocol::proof;
use agentcred_protocol::token::NonceToken;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::agent::{READ, broker_refusal};
use crate::breaking_off::{impatient, until_recorded};
use crate::http2::{Exchange, Exchanges, full, http2_stage};
use crate::sink::{Caller, FILES, HALF, LENGTH, PATIENCE, UPLOAD, with_uploads};
use crate::stage::{Stage, write_private};
use crate::uploading::{MULTIPART, multipart};

/// An upload whose head has arrived.
struct Begun {
    stage: Stage,
    nonce: NonceToken,
    caller: Caller,
    upstream: Exchange,
    exchanges: Exchanges,
}

impl Begun {
    async fn of_bytes(length: usize, change: impl FnOnce(&mut Parts)) -> Self {
        let (stage, mut exchanges) = http2_stage(|policy| with_uploads(&policy), change).await;
        let nonce = stage.agent.mint(UPLOAD).await;
        let caller = Caller::of_bytes(&stage, &nonce, length).await;
        let upstream = exchanges.next().await;
        Self { stage, nonce, caller, upstream, exchanges }
    }

    /// Half of it has arrived.
    async fn half_way(change: impl FnOnce(&mut Parts)) -> Self {
        let mut begun = Self::of_bytes(LENGTH, change).await;
        begun.caller.send(&vec![1; HALF]).await;
        begun.upstream.take(HALF).await;
        begun
    }
}

#[tokio::test]
async fn a_large_body_arrives_while_it_is_sent() {
    let Begun { stage, mut caller, mut upstream, .. } = Begun::of_bytes(LENGTH, |_| {}).await;
    assert_eq!(upstream.head.headers["content-length"], LENGTH.to_string());
    let body: Vec<u8> = (0..=250).cycle().take(LENGTH).collect();
    // Each piece is sent only when the one before it has arrived.
    for piece in body.chunks(200_000) {
        caller.send(piece).await;
        assert!(upstream.take(piece.len()).await == piece, "it was changed on its way");
    }
    assert!(upstream.rest().await.unwrap().is_empty());
    upstream.answer(full("{}"));
    assert!(caller.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(stage.audit_of("answer")[0]["status"], 200);
}

#[tokio::test]
async fn no_more_is_read_than_the_upstream_takes() {
    let length = 64 << 20;
    let Begun { mut caller, mut upstream, .. } = Begun::of_bytes(length, |_| {}).await;
    let piece = vec![7; 1 << 20];
    let mut sent = 0;
    // Until nothing goes any more: the stream's window and all between the two ends is full.
    while let Ok(written) =
        tokio::time::timeout(std::time::Duration::from_secs(1), caller.0.write(&piece)).await
    {
        sent += written.unwrap();
        assert!(sent < length / 2, "{sent} bytes were taken that nobody reads");
    }
    // Once somebody reads, the rest goes.
    let sending = async {
        while sent < length {
            let next = piece.len().min(length - sent);
            caller.send(&piece[..next]).await;
            sent += next;
        }
    };
    let ((), rest) = tokio::join!(sending, upstream.rest());
    assert_eq!(rest.unwrap().len(), length);
    upstream.answer(full("{}"));
    assert!(caller.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_its_own_stream_and_no_other() {
    let Begun { stage, caller, mut upstream, mut exchanges, nonce } = Begun::half_way(|_| {}).await;
    let other = stage.agent.mint(READ).await;
    let calling = async { stage.agent.get(&other, "/egress/stripe/v1/customers").await.status() };
    let cutting = async {
        let beside = exchanges.next().await;
        assert_eq!(beside.connection, upstream.connection);
        drop(caller);
        assert!(upstream.rest().await.is_err(), "a request was completed");
        beside.answer(full("{}"));
    };
    let (status, ()) = tokio::join!(calling, cutting);
    assert_eq!(status, 200);
    until_recorded(&stage, "cut_off").await;
    // It was not sent again, and its use stays spent: of two there is one left.
    assert!(exchanges.is_empty());
    for reason in ["no_rule_allows_it", "spent"] {
        broker_refusal(stage.agent.send(&nonce, Method::DELETE, FILES).await).await;
        assert_eq!(stage.last_reason(), reason);
    }
}

#[tokio::test]
async fn a_caller_that_says_nothing_more_is_cut_off() {
    let Begun { stage, mut caller, mut upstream, .. } = Begun::half_way(impatient).await;
    assert!(upstream.rest().await.is_err(), "a request was completed");
    assert!(caller.answer().await.starts_with("HTTP/1.1 400 "));
    assert_eq!(stage.last_reason(), "body_too_slow");
    assert_eq!(stage.audit_of("answer")[0]["outcome"], "cut_off");
}

#[tokio::test]
async fn an_upstream_that_takes_nothing_more_is_given_up() {
    let length = 64 << 20;
    let Begun { stage, caller, mut upstream, .. } = Begun::of_bytes(length, impatient).await;
    let (mut reading, mut writing) = caller.0.into_split();
    let sending = tokio::spawn(async move {
        let piece = vec![1; 1 << 20];
        while writing.write_all(&piece).await.is_ok() {}
    });
    let mut answer = Vec::new();
    let answered = tokio::time::timeout(PATIENCE, reading.read_buf(&mut answer));
    answered.await.expect("no answer").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 503 "), "{}", answer.escape_ascii());
    assert_eq!(stage.last_reason(), "upstream_timeout");
    assert_eq!(stage.audit_of("answer")[0]["outcome"], "lost");
    assert!(upstream.rest().await.is_err(), "its stream stays open");
    sending.await.unwrap();
}

#[tokio::test]
async fn a_multipart_body_is_looked_at_while_it_passes() {
    let (stage, mut exchanges) = http2_stage(|policy| with_uploads(&policy), |_| {}).await;
    // The control: a field that is only named alike passes.
    for (field, is_whole) in [("_method", false), ("payment_kind", true)] {
        let nonce = stage.agent.mint(UPLOAD).await;
        let request = stage
            .agent
            .request(&nonce, &Method::POST, FILES)
            .header(proof::HEADER, stage.agent.nonce_proof(&nonce, &Method::POST, FILES))
            .header("content-type", MULTIPART)
            .body(multipart(field));
        let taking = async {
            let mut upstream = exchanges.next().await;
            let body = upstream.rest().await;
            assert_eq!(body.is_ok(), is_whole, "{field}");
            upstream.answer(full("{}"))
        };
        let (response, _upstream) = tokio::join!(request.send(), taking);
        let expected = if is_whole { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(response.unwrap().status(), expected, "{field}");
    }
    assert_eq!(stage.last_reason(), "method_override_body");
}

#[tokio::test]
async fn an_upstream_may_answer_while_the_body_is_on_its_way() {
    let Begun { stage, mut caller, upstream, .. } = Begun::half_way(|_| {}).await;
    let (feed, mut fed) = mpsc::unbounded_channel::<&str>();
    let events = stream::poll_fn(move |cx| {
        fed.poll_recv(cx).map(|event| Some(Ok(Frame::data(Bytes::from(event?)))))
    });
    let answer = Response::builder().header("content-type", "text/event-stream");
    let mut upstream = upstream.answer(answer.body(StreamBody::new(events).boxed()).unwrap());
    feed.send("data: 1\n\n").unwrap();
    assert!(caller.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
    caller.send(&vec![1; LENGTH - HALF]).await;
    assert_eq!(upstream.rest().await.unwrap().len(), LENGTH - HALF);
    feed.send("data: 2\n\n").unwrap();
    drop(feed);
    let mut rest = Vec::new();
    while !String::from_utf8_lossy(&rest).contains("data: 2") {
        assert!(caller.0.read_buf(&mut rest).await.unwrap() > 0);
    }
    assert_eq!(stage.audit_of("answer").len(), 1);
}

#[tokio::test]
async fn an_upload_is_sent_once_whatever_the_upstream_makes_of_it() {
    for is_answered in [true, false] {
        let Begun { stage, mut caller, mut upstream, exchanges, .. } =
            Begun::of_bytes(LENGTH, |_| {}).await;
        write_private(&stage.folder().join("stripe.key"), "sk_live_the_next_one");
        caller.send(&vec![1; LENGTH]).await;
        upstream.rest().await.unwrap();
        if is_answered {
            let mut refused = full("no");
            *refused.status_mut() = StatusCode::UNAUTHORIZED;
            upstream.answer(refused);
            assert!(caller.answer().await.starts_with("HTTP/1.1 401 "));
        } else {
            drop(upstream);
            assert!(caller.answer().await.starts_with("HTTP/1.1 503 "));
            assert_eq!(stage.audit_of("answer")[0]["outcome"], "lost");
        }
        assert_eq!(stage.audit_of("use").len(), 1);
        assert!(exchanges.is_empty());
    }
}
