//! Long answers: events pass one by one, and a large body passes without being kept.

#![allow(clippy::print_stdout, reason = "a test says what it measured")]

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::agent::READ;
use crate::stage::{REAL_KEY, Stage};
use crate::upstream::Upstream;

/// An upstream that sends what a test hands it, when it does.
async fn fed() -> (Upstream, mpsc::Sender<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::at(listener.local_addr().unwrap());
    let (feed, mut fed) = mpsc::channel::<Vec<u8>>(1);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        // A connection that is closed with something unread is reset.
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        while let Some(bytes) = fed.recv().await {
            if stream.write_all(&bytes).await.is_err() {
                break;
            }
        }
    });
    (upstream, feed)
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let (upstream, feed) = fed().await;
    let stage = Stage::before(upstream).await;
    let nonce = stage.agent.mint(READ).await;
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    feed.send(head.to_vec()).await.unwrap();
    let mut response = stage.agent.get(&nonce, "/egress/stripe/v1/customers").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    for number in 0..50 {
        // The next event is sent only after this one was received: one that is held back
        // would never come.
        let event = format!("data: {number}\n\n");
        feed.send(event.clone().into_bytes()).await.unwrap();
        let mut received = Vec::new();
        while received.len() < event.len() {
            let next = tokio::time::timeout(PATIENCE, response.chunk()).await;
            received.extend(next.expect("an event is held back").unwrap().unwrap());
        }
        assert_eq!(received, event.as_bytes());
    }
    // Events are searched all the same, across their borders too.
    let (first, second) = REAL_KEY.split_at(20);
    feed.send(format!("data: {first}").into_bytes()).await.unwrap();
    feed.send(format!("{second}\n\n").into_bytes()).await.unwrap();
    drop(feed);
    let rest = response.text().await.unwrap();
    assert_eq!(rest, "data: [redacted]\n\n");
}

/// Reads more than could be kept in memory unnoticed: `AGENTCRED_MEBIBYTES` of it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_large_body_passes_with_memory_flat() {
    let wanted = std::env::var("AGENTCRED_MEBIBYTES").map_or(256, |text| text.parse().unwrap());
    let (upstream, feed) = fed().await;
    let stage = Stage::with(upstream, |parts| {
        parts.limits.response_body = u64::MAX;
        parts.limits.upstream_time = Duration::from_mins(10);
    });
    let stage = stage.await;
    let nonce = stage.agent.mint(READ).await;
    let mebibyte = b"a line of a long export\n".repeat(43_691)[..1 << 20].to_vec();
    tokio::spawn(async move {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", wanted << 20);
        feed.send(head.into_bytes()).await.unwrap();
        for _ in 0..wanted {
            feed.send(mebibyte.clone()).await.unwrap();
        }
    });
    let mut response = stage.agent.get(&nonce, "/egress/stripe/v1/customers").await;
    let before = peak_kibibytes();
    let mut received = 0_usize;
    while let Some(chunk) = response.chunk().await.unwrap() {
        received += chunk.len();
    }
    assert_eq!(received, wanted << 20);
    let grown = peak_kibibytes() - before;
    println!("{wanted} MiB passed; the peak of memory grew by {grown} KiB");
    assert!(grown < wanted * 1024 / 2, "{grown} KiB for {wanted} MiB");
}

/// The most memory that this process ever held.
#[cfg(target_os = "linux")]
fn peak_kibibytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

const PATIENCE: Duration = Duration::from_secs(10);
