//! Upstreams that speak HTTP/2: agreed on with the keys, one connection for all, the same rules.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentcred_protocol::proof;
use bytes::Bytes;
use futures_util::stream;
use http::header::HeaderMap;
use http::{Method, Response, Version, request};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;

use crate::agent::{READ, Wish};
use crate::http2::{full, http2_stage};
use crate::raw::RawClient;
use crate::stage::{REAL_KEY, Stage};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

/// A request as it arrived, and over which connection.
struct Seen {
    head: request::Parts,
    body: Vec<u8>,
    connection: usize,
}

/// A stage before an upstream that echoes the key that it gets.
async fn stage() -> (Stage, Arc<Mutex<Vec<Seen>>>) {
    let (stage, mut exchanges) = http2_stage(|policy| policy, |_| {}).await;
    let seen = Arc::<Mutex<Vec<Seen>>>::default();
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let mut exchange = exchanges.next().await;
            let body = exchange.rest().await.unwrap();
            let (head, connection) = (exchange.head.clone(), exchange.connection);
            let key = head.headers["authorization"].to_str().unwrap().to_owned();
            kept.lock().unwrap().push(Seen { head, body, connection });
            exchange.answer(full(key));
        }
    });
    (stage, seen)
}

#[tokio::test]
async fn requests_of_all_tasks_share_a_connection_and_keep_their_rules() {
    let (stage, seen) = stage().await;
    for task in ["a", "b", "a"] {
        let grant = stage.agent.try_grant(task).await.unwrap();
        let nonce = stage.agent.try_mint(&grant, READ).await.unwrap().token;
        let response = stage.agent.get(&nonce, &format!("{CUSTOMERS}?limit=3")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "Bearer [redacted]");
    }
    let seen = seen.lock().unwrap();
    for Seen { head, connection, .. } in &*seen {
        assert_eq!(head.version, Version::HTTP_2);
        assert_eq!(head.uri.path_and_query().unwrap(), "/v1/customers?limit=3");
        let authority = head.uri.authority().unwrap().as_str();
        assert_eq!(authority, stage.upstream.address.to_string());
        assert_eq!(head.headers["authorization"], format!("Bearer {REAL_KEY}"));
        for name in ["host", "connection", "te", "dpop", "transfer-encoding"] {
            assert!(!head.headers.contains_key(name), "{name}");
        }
        assert_eq!(*connection, 1);
    }
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_body_is_passed_on_as_it_came() {
    let (stage, seen) = stage().await;
    let nonce = stage.agent.mint(Wish { scope: "write:refunds", ..READ }).await;
    let path = "/egress/stripe/v1/refunds";
    let request = stage
        .agent
        .request(&nonce, &Method::POST, path)
        .header(proof::HEADER, stage.agent.nonce_proof(&nonce, &Method::POST, path))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("charge=ch_1&amount=100");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].head.method, "POST");
    assert_eq!(seen[0].body, b"charge=ch_1&amount=100");
    assert_eq!(seen[0].head.headers["content-length"], "22");
}

#[tokio::test]
async fn a_connection_that_may_lead_nowhere_is_shared_no_longer() {
    let (stage, mut exchanges) = http2_stage(
        |policy| policy,
        |parts| parts.limits.upstream_time = Duration::from_millis(500),
    )
    .await;
    let nonce = stage.agent.mint(Wish { uses: 3, ..READ }).await;
    for (connection, is_answered) in [(1, true), (1, false), (2, true)] {
        let calling = stage.agent.get(&nonce, CUSTOMERS);
        let answering = async {
            let exchange = exchanges.next().await;
            assert_eq!(exchange.connection, connection);
            if is_answered { Ok(exchange.answer(full("{}"))) } else { Err(exchange) }
        };
        let (response, _kept) = tokio::join!(calling, answering);
        assert_eq!(response.status().is_success(), is_answered);
    }
    assert_eq!(stage.last_reason(), "upstream_timeout");
}

#[tokio::test]
async fn trailers_do_not_come_back() {
    let (stage, mut exchanges) = http2_stage(|policy| policy, |_| {}).await;
    let nonce = stage.agent.mint(READ).await;
    let request = format!(
        "GET {CUSTOMERS} HTTP/1.1\r\nhost: b\r\nconnection: close\r\nte: trailers\r\n\
         authorization: {}\r\ndpop: {}\r\n\r\n",
        nonce.authorization().unwrap().to_str().unwrap(),
        stage.agent.nonce_proof(&nonce, &Method::GET, CUSTOMERS).to_str().unwrap()
    );
    let client = RawClient::connect(&stage.agent.issuer).await;
    let answering = async {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-request-id", REAL_KEY.parse().unwrap());
        trailers.insert("grpc-status", "0".parse().unwrap());
        let data = Frame::data(Bytes::from(format!("see {REAL_KEY} ")));
        let frames = [Ok(data), Ok(Frame::trailers(trailers))];
        let body = StreamBody::new(stream::iter(frames)).boxed();
        exchanges.next().await.answer(Response::new(body));
    };
    let (answer, ()) = tokio::join!(client.until_closed(request.as_bytes()), answering);
    let answer = String::from_utf8(answer.unwrap()).unwrap();
    assert!(answer.contains("see [redacted] "), "{answer}");
    assert!(!answer.contains("grpc-status") && !answer.contains("request-id"), "{answer}");
}
