//! Large bodies both ways through the issuer's own process, whose memory stays as it was.

#![allow(clippy::print_stdout, reason = "a test says what it measured")]

use std::sync::Arc;

use agentcred_protocol::clock::{Clock as _, ManualClock, SystemClock};
use agentcred_protocol::proof;
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::agent::Agent;
use crate::count;
use crate::process::Issuer;
use crate::sink::{FILES, UPLOAD, read_head, with_uploads};
use crate::stage::{REAL_KEY, new_key, policy, write_private};
use crate::upstream::{Upstream, json};

/// How much the peak may grow, whatever passes, in KiB: the buffers of two connections.
const GROWTH: usize = 8 * 1024;

/// The rule of the control, whose answers are read whole.
const WHOLE: &str = "[[services.stripe.scopes.\"write:files\"]]\nmethod = \"GET\"\n\
                     path = \"/v1/exports\"\nfields = [\"id\"]\n[services.ledger]";

/// Takes uploads, and answers a GET with so many mebibytes.
async fn warehouse(listener: TcpListener, mebibytes: usize) {
    let line = b"a line of a long export, which holds no key\n";
    let mebibyte = line.repeat((1 << 20) / line.len() + 1)[..1 << 20].to_vec();
    while let Ok((mut stream, _)) = listener.accept().await {
        let (head, body) = read_head(&mut stream).await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |text| text.parse().unwrap());
        let (mut taken, mut piece) = (body.len(), vec![0; 1 << 16]);
        while taken < length {
            taken += stream.read(&mut piece).await.unwrap();
        }
        if head.starts_with("GET /v1/exports") {
            let rest = "x".repeat(15 << 20);
            let export = json(&format!("{{\"id\":1,\"rest\":\"{rest}\"}}"));
            stream.write_all(export.as_bytes()).await.unwrap();
        } else if head.starts_with("GET") {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", mebibytes << 20);
            stream.write_all(head.as_bytes()).await.unwrap();
            for _ in 0..mebibytes {
                stream.write_all(&mebibyte).await.unwrap();
            }
        } else {
            let taken = json(&format!("{{\"taken\":{taken}}}"));
            stream.write_all(taken.as_bytes()).await.unwrap();
        }
        let _ = stream.shutdown().await;
    }
}

/// As many mebibytes as `AGENTCRED_MEBIBYTES` says, each way.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_passes_with_memory_flat() {
    let wanted = count("AGENTCRED_MEBIBYTES", 128);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::at(listener.local_addr().unwrap());
    tokio::spawn(warehouse(listener, wanted));
    let folder = tempfile::tempdir().unwrap();
    write_private(&folder.path().join("stripe.key"), REAL_KEY);
    let key = new_key(folder.path(), "billing");
    new_key(folder.path(), "other");
    let policy = with_uploads(&policy(&upstream)).replace("[services.ledger]", WHOLE);
    std::fs::write(folder.path().join("issuer.toml"), policy).unwrap();
    let issuer = Issuer::start(folder.path());
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let agent = Agent::new("billing", key, issuer.url.parse().unwrap(), clock);

    // What a first use needs is there before anything is measured.
    assert_eq!(upload(&agent, 2).await, 2 << 20);
    let before = issuer.peak_kibibytes();
    assert_eq!(upload(&agent, wanted).await, wanted << 20);
    let after_upload = issuer.peak_kibibytes();
    let nonce = agent.mint(UPLOAD).await;
    let mut response = agent.get(&nonce, FILES).await;
    let mut received = 0;
    while let Some(chunk) = response.chunk().await.unwrap() {
        received += chunk.len();
    }
    assert_eq!(received, wanted << 20);
    let after = issuer.peak_kibibytes();
    println!(
        "{wanted} MiB each way; the issuer's peak: {before} KiB before, {after_upload} KiB after \
         the upload, {after} KiB after the answer"
    );
    assert!(after - before < GROWTH, "it grew by {} KiB", after - before);
    assert!(wanted << 10 > 4 * GROWTH, "so little could be kept unnoticed");
    // The control: an answer of 15 MiB that is kept is noticed.
    let nonce = agent.mint(UPLOAD).await;
    let kept = agent.get(&nonce, "/egress/stripe/v1/exports").await;
    assert_eq!(kept.text().await.unwrap(), "{\"id\":1}");
    assert!(issuer.peak_kibibytes() - after > GROWTH, "what is kept was not noticed");
}

/// Uploads so many mebibytes, and says how much of them the upstream took.
async fn upload(agent: &Agent, mebibytes: usize) -> usize {
    let nonce = agent.mint(UPLOAD).await;
    let proof = agent.nonce_proof(&nonce, &Method::POST, FILES);
    let piece = bytes::Bytes::from(vec![b'x'; 1 << 20]);
    let pieces =
        futures_util::stream::iter((0..mebibytes).map(move |_| Ok::<_, String>(piece.clone())));
    let answer = agent
        .request(&nonce, &Method::POST, FILES)
        .header(proof::HEADER, proof)
        .header("content-type", "text/csv")
        .header("content-length", mebibytes << 20)
        .body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await
        .unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    answer["taken"].as_u64().unwrap().try_into().unwrap()
}
