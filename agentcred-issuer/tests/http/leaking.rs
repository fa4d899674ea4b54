//! An upstream that gives the real key away in every place and form; none of it reaches a caller.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use agentcred_issuer::audit::{AuditError, AuditLog, Record};
use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use http::Method;
use http::header::HeaderName;

use crate::agent::{READ, Wish};
use crate::raw::{RawClient, position};
use crate::stage::{REAL_KEY, Stage};
use crate::upstream::{Upstream, chunked};

/// An answer that gives the key away, and the form in which it does.
struct Leak {
    what: String,
    form: Vec<u8>,
    answer: Vec<u8>,
}

impl Leak {
    fn new(what: impl Into<String>, form: impl Into<Vec<u8>>, answer: impl Into<Vec<u8>>) -> Self {
        Self { what: what.into(), form: form.into(), answer: answer.into() }
    }
}

/// What the caller gets of each answer, every byte of it, and then once more without chunks.
async fn received(leaks: &[Leak]) -> Vec<Vec<u8>> {
    let answers: Vec<_> = leaks.iter().map(|leak| leak.answer.clone()).collect();
    let upstream = Upstream::start(move |request| {
        let (_, number) = request.line().rsplit_once('/').unwrap();
        answers[number.parse::<usize>().unwrap()].clone()
    });
    let stage = Stage::with(upstream.await, |parts| parts.audit = Some(Arc::new(NoAudit))).await;
    let mut received = Vec::new();
    let mut nonce = stage.agent.mint(READ).await;
    for number in 0..leaks.len() {
        if number % 100 == 0 {
            nonce = stage.agent.mint(Wish { uses: 100, ..READ }).await;
        }
        let path = format!("/egress/stripe/v1/customers/{number}");
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: b\r\nconnection: close\r\nauthorization: {}\r\ndpop: {}\r\n\r\n",
            nonce.authorization().unwrap().to_str().unwrap(),
            stage.agent.nonce_proof(&nonce, &Method::GET, &path).to_str().unwrap()
        );
        let client = RawClient::connect(&stage.agent.issuer).await;
        let mut bytes = client.until_closed(request.as_bytes()).await.unwrap();
        let joined = without_chunks(&bytes);
        bytes.extend(joined);
        received.push(bytes);
    }
    assert_eq!(stage.upstream.arrived().len(), leaks.len());
    received
}

/// The body of an answer with its chunks joined, as far as they are whole.
fn without_chunks(answer: &[u8]) -> Vec<u8> {
    let mut rest = &answer[position(answer, b"\r\n\r\n").map_or(answer.len(), |end| end + 4)..];
    let mut body = Vec::new();
    while let Some(end) = position(rest, b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size @ 1..) = size else { break };
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}

/// Whether a piece of the form that is worth something stands there, in any letter case.
fn holds(bytes: &[u8], form: &[u8]) -> bool {
    let (bytes, form) = (bytes.to_ascii_lowercase(), form.to_ascii_lowercase());
    let length = form.len().min(12);
    let pieces: HashSet<_> = form.windows(length).collect();
    bytes.windows(length).any(|piece| pieces.contains(piece))
}

/// These tests are about answers; waiting for the disk would be most of their time.
#[derive(Debug)]
struct NoAudit;

#[async_trait]
impl AuditLog for NoAudit {
    async fn append(&self, _: Record) -> Result<(), AuditError> {
        Ok(())
    }
}

async fn assert_that_nothing_comes_back(leaks: Vec<Leak>) {
    let received = received(&leaks).await;
    for (leak, received) in leaks.iter().zip(&received) {
        let sent = [leak.answer.clone(), without_chunks(&leak.answer)].concat();
        assert!(holds(&sent, &leak.form), "{}: the upstream gives nothing away", leak.what);
        let shown = received.escape_ascii();
        assert!(!holds(received, &leak.form), "{}: {shown}", leak.what);
        assert!(!holds(received, REAL_KEY.as_bytes()), "{}: {shown}", leak.what);
        // What is cut off may be so before the head of the answer went out.
        let is_cut = received.is_empty() && leak.what.ends_with("cut off");
        assert!(is_cut || received.starts_with(b"HTTP/1.1 "), "{}: {shown}", leak.what);
    }
}

// Leak channel 12, control within.
#[tokio::test]
async fn no_header_carries_the_key_back() {
    let mut leaks = Vec::new();
    for name in HEADERS {
        for (encoding, form) in forms() {
            // Bytes that no header may hold would only make the answer unreadable.
            let Ok(text) = String::from_utf8(form) else { continue };
            if text.contains('\0') {
                continue;
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\n{name}: before {text} after\r\ncontent-length: 2\r\n\r\n{{}}"
            );
            leaks.push(Leak::new(format!("{name} in {encoding}"), text, answer));
        }
    }
    // A header that comes back may have any end to its name.
    for (encoding, form) in forms() {
        let Ok(name) = HeaderName::from_bytes(&form) else { continue };
        for prefix in ["x-", "ratelimit-", "x-ratelimit-"] {
            let answer =
                format!("HTTP/1.1 200 OK\r\n{prefix}{name}: 1\r\ncontent-length: 2\r\n\r\n{{}}");
            leaks.push(Leak::new(format!("{prefix} before {encoding}"), form.clone(), answer));
        }
    }
    // A part of the key that is hidden once more.
    let part = &REAL_KEY.as_bytes()[6..26];
    let twice = STANDARD.encode(URL_SAFE.encode(part));
    for form in [STANDARD.encode(part), twice] {
        let answer =
            format!("HTTP/1.1 200 OK\r\nx-request-id: req_{form}\r\ncontent-length: 2\r\n\r\n{{}}");
        leaks.push(Leak::new("a part in a header", form, answer));
    }
    assert_that_nothing_comes_back(leaks).await;
}

// Leak channels 11, 13, control within.
#[tokio::test]
async fn nothing_around_the_body_carries_the_key_back() {
    let mut leaks = Vec::new();
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n";
    for (encoding, form) in forms() {
        let Ok(text) = String::from_utf8(form) else { continue };
        if text.contains('\0') {
            continue;
        }
        let mut add = |what: &str, answer: String| {
            leaks.push(Leak::new(format!("{what} in {encoding}"), text.clone(), answer));
        };
        add("the reason phrase", ok.replace("OK", &text));
        add("early hints", format!("HTTP/1.1 103 Early Hints\r\nlink: <{text}>\r\n\r\n{ok}"));
        add("processing", format!("HTTP/1.1 102 {text}\r\n\r\n{ok}"));
        add("continue", format!("HTTP/1.1 100 Continue\r\nx-request-id: {text}\r\n\r\n{ok}"));
        add("a trailer", format!("{chunked}\r\n2\r\n{{}}\r\n0\r\nx-request-id: {text}\r\n\r\n"));
        add(
            "an announced trailer",
            format!("{chunked}trailer: etag\r\n\r\n2\r\n{{}}\r\n0\r\netag: {text}\r\n\r\n"),
        );
        add("a chunk's extension", format!("{chunked}\r\n2;a=\"{text}\"\r\n{{}}\r\n0\r\n\r\n"));
        add("after the end", format!("{ok}HTTP/1.1 200 {text}\r\n\r\n"));
    }
    assert_that_nothing_comes_back(leaks).await;
}

// Leak channel 7, control within.
#[tokio::test]
async fn no_body_carries_the_key_back_however_it_is_encoded_and_cut() {
    let mut leaks = Vec::new();
    for (encoding, form) in forms() {
        let body = [b"before ", form.as_slice(), b" after"].concat();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n";
        let mut add = |how: &str, framing: &str, body: Vec<u8>| {
            let answer = [format!("{head}{framing}\r\n").as_bytes(), &body].concat();
            leaks.push(Leak::new(format!("{encoding}, {how}"), form.clone(), answer));
        };
        add("whole", &format!("content-length: {}\r\n", body.len()), body.clone());
        add("until the end", "connection: close\r\n", body.clone());
        add("in bytes", "transfer-encoding: chunked\r\n", chunked(body.chunks(1)));
        // Every place at which it can be cut in two, one after another in one body.
        let cut = (1..form.len()).flat_map(|at| [&form[..at], &form[at..], b"\n"]);
        add("cut in two", "transfer-encoding: chunked\r\n", chunked(cut));
        let cut = (1..form.len() - 1)
            .flat_map(|at| [&form[..at], &form[at..=at], &form[at + 1..], b"\n"]);
        add("cut in three", "transfer-encoding: chunked\r\n", chunked(cut));
        add("twice in a row", "connection: close\r\n", [form.clone(), form.clone()].concat());
        let broken = format!("content-length: {}\r\n", body.len() + 1000);
        add("cut off", &broken, body.clone());
    }
    assert_that_nothing_comes_back(leaks).await;
}

/// A limit, and why a key must not be sent to a service that would do this: nobody who does
/// not know the transformation can find the key behind it.
// Leak channel 10, control within.
#[tokio::test]
async fn a_key_that_was_hashed_or_encrypted_comes_back_unseen() {
    let hash = digest::digest(&digest::SHA256, REAL_KEY.as_bytes());
    let encrypted: Vec<_> = REAL_KEY.bytes().map(|byte| format!("{:02x}", byte ^ 0x55)).collect();
    let hash = hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    for form in [hash, encrypted.concat()] {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{form}", form.len());
        let leaks = [Leak::new("transformed", form.clone(), answer)];
        assert!(holds(&received(&leaks).await[0], form.as_bytes()));
    }
}

// Leak channel 30, control within.
#[tokio::test]
async fn redirects_of_every_kind_are_not_followed_and_do_not_say_where_to() {
    let trap = Upstream::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let elsewhere = trap.address;
    let mut leaks = Vec::new();
    for status in [300, 301, 302, 303, 304, 305, 306, 307, 308, 201] {
        for target in [
            format!("http://{elsewhere}/target"),
            format!("https://{elsewhere}/target"),
            format!("//{elsewhere}/target"),
            "/v1/refunds#target".to_owned(),
            "../target".to_owned(),
            format!("https://user:{REAL_KEY}@api.example/target"),
            format!("/v1/customers?key={REAL_KEY}&target"),
            "javascript:target".to_owned(),
        ] {
            for header in ["location", "Location", "content-location", "refresh", "link", "uri"] {
                let answer = format!(
                    "HTTP/1.1 {status} Go\r\n{header}: {target}\r\ncontent-length: 0\r\n\r\n"
                );
                leaks.push(Leak::new(format!("{status} {header}"), "target", answer));
            }
        }
    }
    assert_that_nothing_comes_back(leaks).await;
    assert!(trap.arrived().is_empty());
    // A common client follows such a redirect, and there is something to be reached.
    let redirect = format!(
        "HTTP/1.1 302 Go\r\nlocation: http://{elsewhere}/target\r\ncontent-length: 0\r\n\r\n"
    );
    let upstream = Upstream::answering(redirect).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(format!("http://{}/", upstream.address)).send().await.unwrap();
    assert_eq!(trap.arrived().len(), 1);
}

/// The key in the forms that APIs, proxies and debug pages give back.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let key = REAL_KEY.as_bytes();
    let each = |form: fn(u8) -> String| -> Vec<u8> {
        key.iter().map(|byte| form(*byte)).collect::<Vec<_>>().concat().into_bytes()
    };
    let between = |separator: &str, form: fn(u8) -> String| -> Vec<u8> {
        key.iter().map(|byte| form(*byte)).collect::<Vec<_>>().join(separator).into_bytes()
    };
    vec![
        ("plain text", key.to_vec()),
        ("capitals", key.to_ascii_uppercase()),
        ("small letters", key.to_ascii_lowercase()),
        ("reverse", key.iter().rev().copied().collect()),
        ("base64", STANDARD_NO_PAD.encode(key).into_bytes()),
        ("URL base64", URL_SAFE_NO_PAD.encode(key).into_bytes()),
        ("base64 with a user", STANDARD.encode(format!("user:{REAL_KEY}")).into_bytes()),
        ("base64 as basic credentials", STANDARD.encode(format!("{REAL_KEY}:")).into_bytes()),
        ("base64 one byte later", URL_SAFE.encode(format!("x{REAL_KEY}yz")).into_bytes()),
        ("base64 two bytes later", STANDARD.encode(format!("xy{REAL_KEY}z")).into_bytes()),
        ("hex", each(|byte| format!("{byte:02x}"))),
        ("hex in capitals", each(|byte| format!("{byte:02X}"))),
        ("hex with spaces", between(" ", |byte| format!("{byte:02x}"))),
        ("hex with colons", between(":", |byte| format!("{byte:02X}"))),
        ("percent encoding", each(|byte| format!("%{byte:02x}"))),
        ("percent encoding in capitals", each(|byte| format!("%{byte:02X}"))),
        (
            "percent encoding of marks",
            each(|byte| match byte {
                b'_' => "%5F".to_owned(),
                _ => char::from(byte).to_string(),
            }),
        ),
        ("JSON escapes", each(|byte| format!("\\u{byte:04x}"))),
        ("escapes in hex", each(|byte| format!("\\x{byte:02x}"))),
        ("escapes in octal", each(|byte| format!("\\{byte:03o}"))),
        ("HTML entities", each(|byte| format!("&#{byte};"))),
        ("HTML entities in hex", each(|byte| format!("&#x{byte:X};"))),
        ("quoted-printable", each(|byte| format!("={byte:02X}"))),
        ("a list of numbers", between(",", |byte| byte.to_string())),
        ("a list of numbers with spaces", between(", ", |byte| byte.to_string())),
        ("UTF-16", key.iter().flat_map(|byte| [*byte, 0]).collect()),
        ("UTF-16, big end first", key.iter().flat_map(|byte| [0, *byte]).collect()),
    ]
}

/// Headers that come back, that once did somewhere, and that carry credentials.
const HEADERS: [&str; 42] = [
    "content-type",
    "etag",
    "last-modified",
    "retry-after",
    "request-id",
    "x-request-id",
    "ratelimit-limit",
    "ratelimit",
    "x-ratelimit-remaining",
    "x-ratelimit-key",
    "cache-control",
    "content-disposition",
    "content-language",
    "content-location",
    "date",
    "location",
    "refresh",
    "link",
    "server",
    "server-timing",
    "set-cookie",
    "set-cookie2",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "proxy-authentication-info",
    "authorization",
    "x-api-key",
    "x-auth-token",
    "x-debug",
    "x-amzn-requestid",
    "alt-svc",
    "access-control-allow-origin",
    "content-security-policy",
    "report-to",
    "nel",
    "p3p",
    "agentcred-error",
    "dpop-nonce",
];
