//! Requests that two servers could read in two ways are refused, and nothing after them is read.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may end here, and says what it counted"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentcred_protocol::token::NonceToken;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use url::Url;

use crate::agent::{Agent, READ, Wish};
use crate::raw::{RawClient, statuses};
use crate::stage::Stage;

const PATH: &str = "/egress/stripe/v1/customers";
const NEXT_PATH: &str = "/egress/stripe/v1/customers/smuggled";

/// `{get}` is the good beginning of a request, up to its nonce and proof, and `{rest}` all that
/// should follow a request line. Behind each case stands a whole good request that must not be
/// seen.
const MALFORMED: [(&str, &str); 60] = [
    ("length and chunks", "{get}content-length: 5\r\n{chunked}\r\n0\r\n\r\n"),
    ("chunks and length", "{get}{chunked}content-length: 5\r\n\r\n0\r\n\r\n"),
    ("chunks on GET", "{get}{chunked}\r\n0\r\n\r\n"),
    ("identity", "{get}transfer-encoding: identity\r\n\r\n"),
    ("chunked not last", "{get}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ("unknown coding", "{get}transfer-encoding: xchunked\r\n\r\n"),
    ("tab before chunked", "{get}transfer-encoding:\tchunked\r\n\r\n0\r\n\r\n"),
    ("two codings", "{get}{chunked}{chunked}\r\n0\r\n\r\n"),
    ("space before a colon", "{get}transfer-encoding : chunked\r\n\r\n0\r\n\r\n"),
    ("quoted coding", "{get}transfer-encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ("the same length twice", "{get}content-length: 0\r\ncontent-length: 0\r\n\r\n"),
    ("two lengths", "{get}content-length: 0\r\ncontent-length: 9\r\n\r\n"),
    ("two lengths in one", "{get}content-length: 0, 0\r\n\r\n"),
    ("length with a plus", "{get}content-length: +0\r\n\r\n"),
    ("length below zero", "{get}content-length: -1\r\n\r\n"),
    ("length in hex", "{get}content-length: 0x0\r\n\r\n"),
    ("length of nothing", "{get}content-length:\r\n\r\n"),
    ("length with a space", "{get}content-length: 0 0\r\n\r\n"),
    ("length beyond numbers", "{get}content-length: 99999999999999999999\r\n\r\n"),
    ("length with exponent", "{get}content-length: 0e1\r\n\r\n"),
    ("length after a vertical tab", "{get}content-length: \x0b0\r\n\r\n"),
    ("length before a colon's space", "{get}content-length : 0\r\n\r\n"),
    ("bare line feeds", "GET {path} HTTP/1.1\nhost: b\n{auth}\n"),
    ("bare line feed at the end", "{get}\n"),
    ("bare line feed after the request line", "GET {path} HTTP/1.1\n{rest}"),
    ("bare line feed in a value", "{get}x-a: 1\nx-b: 2\r\n\r\n"),
    ("bare return in a value", "{get}x-a: 1\rx-b: 2\r\n\r\n"),
    ("bare return at the end", "{get}\r\r"),
    ("nul in a value", "{get}x-a: 1\0\r\n\r\n"),
    ("nul in a name", "{get}x\0a: 1\r\n\r\n"),
    ("no host", "GET {path} HTTP/1.1\r\n{auth}\r\n"),
    ("one host twice", "{get}{rest}"),
    ("two hosts", "{get}Host: evil.example\r\n\r\n"),
    ("absolute form", "GET http://b{path} HTTP/1.1\r\n{rest}"),
    ("absolute form elsewhere", "GET https://evil.example{path} HTTP/1.1\r\n{rest}"),
    ("authority form", "GET evil.example:443 HTTP/1.1\r\n{rest}"),
    ("connect", "CONNECT evil.example:443 HTTP/1.1\r\n{rest}"),
    ("asterisk", "OPTIONS * HTTP/1.1\r\n{rest}"),
    ("no slash", "GET egress/stripe/v1/customers HTTP/1.1\r\n{rest}"),
    ("a folded header", "{get}x-a: 1\r\n 2\r\n\r\n"),
    ("a header folded by tab", "{get}x-a: 1\r\n\t2\r\n\r\n"),
    ("a fold first", "GET {path} HTTP/1.1\r\n host: b\r\n{rest}"),
    ("no chunk size", "POST {path} HTTP/1.1\r\nhost: b\r\n{auth}{chunked}\r\nzz\r\n\r\n"),
    (
        "chunk size beyond numbers",
        "POST {path} HTTP/1.1\r\nhost: b\r\n{auth}{chunked}\r\nfffffffffffffffff0\r\n\r\n",
    ),
    (
        "a chunk's extension with a line feed",
        "POST {path} HTTP/1.1\r\nhost: b\r\n{auth}{chunked}\r\n0;a=b\nc\r\n\r\n",
    ),
    ("version 1.0", "GET {path} HTTP/1.0\r\n{rest}"),
    ("no version", "GET {path}\r\n"),
    ("version 1.2", "GET {path} HTTP/1.2\r\n{rest}"),
    ("version in small letters", "GET {path} http/1.1\r\n{rest}"),
    ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("two spaces", "GET  {path} HTTP/1.1\r\n{rest}"),
    ("tabs between", "GET\t{path}\tHTTP/1.1\r\n{rest}"),
    ("one word more", "GET {path} HTTP/1.1 HTTP/1.1\r\n{rest}"),
    ("a header without a colon", "{get}x-a\r\n\r\n"),
    ("a header without a name", "{get}: 1\r\n\r\n"),
    ("a name with a space", "{get}x a: 1\r\n\r\n"),
    ("an empty line first", "\r\n{get}\r\n"),
    ("an upgrade", "{get}connection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    (
        "an upgrade to HTTP/2",
        "{get}connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
    ),
    ("trailers announced", "{get}trailer: authorization\r\n\r\n"),
];

#[tokio::test]
async fn malformed_requests_are_refused_and_end_their_connection() {
    let stage = Stage::set().await;
    let good = Good::of(&stage.agent).await;
    for (name, template) in MALFORMED {
        let request = good.fill(&stage.agent, &format!("{template}{{next}}"));
        let client = RawClient::connect(&stage.agent.issuer).await;
        let answers = client.until_closed(&request).await;
        let answers = answers.unwrap_or_else(|| panic!("{name}: the connection stays open"));
        let statuses = statuses(&answers);
        assert!(statuses.len() <= 1, "{name}: a second request was read: {statuses:?}");
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{name}: {statuses:?}");
        assert!(stage.upstream.arrived().is_empty(), "{name}");
    }
    // The same bytes without a fault go through, both of them: the cases fail by their faults.
    let both = good.fill(&stage.agent, "{get}\r\n{next}");
    let client = RawClient::connect(&stage.agent.issuer).await;
    let answers = client.until_closed(&both).await.unwrap();
    assert_eq!(statuses(&answers), [200, 200]);
    assert_eq!(stage.upstream.arrived().len(), 2);
}

#[tokio::test]
async fn a_lenient_parser_takes_many_of_them() {
    let stage = Stage::set().await;
    let good = Good::of(&stage.agent).await;
    let (url, seen) = lenient_server().await;
    let mut taken = 0;
    for (_, template) in MALFORMED {
        let before = seen.load(Ordering::SeqCst);
        let request = good.fill(&stage.agent, &format!("{template}{{next}}"));
        RawClient::connect(&url).await.half_closed(&request).await.unwrap();
        taken += usize::from(seen.load(Ordering::SeqCst) > before);
    }
    println!("a lenient parser takes {taken} of {} malformed requests", MALFORMED.len());
    assert!(taken > 15, "only {taken}");
}

#[tokio::test]
async fn a_body_on_get_is_refused_and_is_no_second_request() {
    let stage = Stage::set().await;
    let good = Good::of(&stage.agent).await;
    let next = good.fill(&stage.agent, "{next}");
    let head =
        format!("{{get}}connection: close\r\ncontent-length: {}\r\n\r\n{{next}}", next.len());
    let request = good.fill(&stage.agent, &head);
    let client = RawClient::connect(&stage.agent.issuer).await;
    let answers = client.until_closed(&request).await.unwrap();
    assert_eq!(statuses(&answers), [400]);
    assert_eq!(stage.last_reason(), "body_on_a_method_without_one");
    assert!(stage.upstream.arrived().is_empty());
}

/// Good bytes to put into templates.
pub(crate) struct Good {
    nonce: NonceToken,
    next: NonceToken,
}

impl Good {
    pub(crate) async fn of(agent: &Agent) -> Self {
        let many = Wish { uses: 100, ..READ };
        Self { nonce: agent.mint(many).await, next: agent.mint(many).await }
    }

    /// A template with all its pieces put in, with proofs that were not used before.
    pub(crate) fn fill(&self, agent: &Agent, template: &str) -> Vec<u8> {
        let method = template.trim_start().split([' ', '\t']).next().unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        let auth = |nonce: &NonceToken, method, path| {
            let authorization = nonce.authorization().unwrap();
            let proof = agent.nonce_proof(nonce, method, path);
            format!(
                "authorization: {}\r\ndpop: {}\r\n",
                authorization.to_str().unwrap(),
                proof.to_str().unwrap()
            )
        };
        let next = format!(
            "GET {NEXT_PATH} HTTP/1.1\r\nhost: b\r\nconnection: close\r\n{}\r\n",
            auth(&self.next, &Method::GET, NEXT_PATH)
        );
        template
            .replace("{get}", "GET {path} HTTP/1.1\r\nhost: b\r\n{auth}")
            .replace("{chunked}", "transfer-encoding: chunked\r\n")
            .replace("{rest}", "host: b\r\n{auth}\r\n")
            .replace("{path}", PATH)
            .replace("{auth}", &auth(&self.nonce, &method, PATH))
            .replace("{next}", &next)
            .into_bytes()
    }
}

/// A server as the HTTP library gives it, which counts what it takes for requests.
async fn lenient_server() -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counted = counted.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                counted.fetch_add(1, Ordering::SeqCst);
                async move {
                    let _ = request.into_body().collect().await;
                    Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, seen)
}
