//! Requests as raw bytes: what two servers could read in two ways is refused.

use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::agent::READ;
use crate::stage::Stage;
use crate::upstream::{Upstream, json};

/// Sends bytes and reads what comes until the connection is closed.
async fn exchange(stage: &Stage, bytes: &[u8]) -> String {
    let port = stage.server.url().port().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request with a live nonce whose line and headers are the test's.
async fn send(stage: &Stage, method: &Method, path: &str, line: &str, headers: &str) -> String {
    let nonce = stage.agent.mint(READ).await;
    let proof = stage.agent.nonce_proof(&nonce, method, path);
    let request = format!(
        "{line}\r\nhost: 127.0.0.1\r\nauthorization: {}\r\ndpop: {}\r\nconnection: close\r\n{headers}\r\n",
        nonce.authorization().unwrap().to_str().unwrap(),
        proof.to_str().unwrap()
    );
    exchange(stage, request.as_bytes()).await
}

#[tokio::test]
async fn a_raw_request_that_is_as_it_should_be_passes() {
    let stage = Stage::set().await;
    let path = "/egress/stripe/v1/customers";
    let answer = send(&stage, &Method::GET, path, &format!("GET {path} HTTP/1.1"), "").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(stage.upstream.arrived().len(), 1);
}

#[tokio::test]
async fn a_path_that_is_not_plain_never_leaves() {
    let stage = Stage::set().await;
    for (path, normalised) in [
        ("/egress/stripe/v1/customers/%2e%2e/payouts", "/egress/stripe/v1/payouts"),
        ("/egress/stripe/v1/customers/../payouts", "/egress/stripe/v1/payouts"),
        ("/egress/stripe/v1/customers/.", "/egress/stripe/v1/customers/"),
        ("/egress/stripe//v1/customers", "/egress/stripe//v1/customers"),
        ("/egress/stripe/v1/customers/", "/egress/stripe/v1/customers/"),
        ("/egress/stripe/v1/customers%2Fcus_1", "/egress/stripe/v1/customers%2Fcus_1"),
        ("/egress/stripe/v1/%63ustomers", "/egress/stripe/v1/%63ustomers"),
        ("/egress/stripe/v1/customers/a\\b", "/egress/stripe/v1/customers/a/b"),
        ("/egress/stripe/v1/customers;a=b", "/egress/stripe/v1/customers;a=b"),
        ("/egress/ledger/../stripe/v1/customers", "/egress/stripe/v1/customers"),
        ("/egress/STRIPE/v1/customers", "/egress/STRIPE/v1/customers"),
        ("/egress//stripe/v1/customers", "/egress//stripe/v1/customers"),
        ("/egress/stripe", "/egress/stripe"),
    ] {
        let line = format!("GET {path} HTTP/1.1");
        let answer = send(&stage, &Method::GET, normalised, &line, "").await;
        let is_refused = answer.starts_with("HTTP/1.1 4");
        assert!(is_refused && !answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
    }
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn lower_case_and_unknown_methods_are_refused() {
    let stage = Stage::set().await;
    let path = "/egress/stripe/v1/customers";
    for method in ["get", "Get", "TRACE", "GETT"] {
        let parsed = Method::from_bytes(method.as_bytes()).unwrap();
        let line = format!("{method} {path} HTTP/1.1");
        let answer = send(&stage, &parsed, path, &line, "").await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{method}: {answer}");
    }
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn requests_that_could_be_read_in_two_ways_are_refused() {
    let stage = Stage::set().await;
    let path = "/egress/stripe/v1/customers";
    let origin = format!("GET {path} HTTP/1.1");
    for (line, headers) in [
        (origin.as_str(), "host: elsewhere.example\r\n"),
        (&origin, "transfer-encoding: chunked\r\n\r\n0\r\n"),
        (&origin, "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n"),
        (&origin, "content-length: 5\r\ncontent-length: 6\r\n"),
        (&origin, "content-length: +5\r\n"),
        (&origin, "transfer-encoding: identity\r\n"),
        (&origin, "upgrade: websocket\r\n"),
        (&origin, "trailer: x\r\n"),
        (&origin, " folded: x\r\n"),
        (&origin, "bad name: x\r\n"),
        (&format!("GET {path} HTTP/1.0"), ""),
        (&format!("GET http://elsewhere.example{path} HTTP/1.1"), ""),
        ("CONNECT elsewhere.example:443 HTTP/1.1", ""),
        ("OPTIONS * HTTP/1.1", ""),
        (&format!("GET  {path} HTTP/1.1"), ""),
        (&format!("GET {path} HTTP/1.1 x"), ""),
    ] {
        let answer = send(&stage, &Method::GET, path, line, headers).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(status.starts_with('4'), "{line:?} {headers:?}: {answer}");
    }
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn a_request_without_a_host_is_refused() {
    let stage = Stage::set().await;
    let answer = exchange(&stage, b"GET /token HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn silent_and_slow_connections_are_closed() {
    let stage = Stage::with(Upstream::answering(json("{}")).await, |parts| {
        parts.limits.head_time = Duration::from_millis(200);
        parts.limits.request_time = Duration::from_millis(200);
    });
    let stage = stage.await;
    for start in ["", "GET /token HTTP/1.1\r\nhost:"] {
        // The answer to half a head, if any, is an end; what counts is that this returns.
        exchange(&stage, start.as_bytes()).await;
    }
    let form = "POST /token HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                content-type: application/x-www-form-urlencoded\r\ncontent-length: 10\r\n\r\na=";
    let answer = exchange(&stage, form.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn an_unknown_place_is_not_found() {
    let stage = Stage::set().await;
    for path in ["/", "/egress", "/egressx/stripe", "/Token", "/token/", "/userinfo"] {
        let response = stage.agent.http.get(stage.agent.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
}
