//! Long answers: events pass one by one.

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

const PATIENCE: Duration = Duration::from_secs(10);
