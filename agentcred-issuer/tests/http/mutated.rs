//! Requests that were good and then changed at random neither break the server nor slip through.

#![allow(clippy::print_stdout, reason = "a test says what it counted")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentcred_issuer::Parts;
use tokio::sync::Semaphore;

use crate::agent::READ;
use crate::malformed::Good;
use crate::raw::{RawClient, statuses};
use crate::stage::Stage;
use crate::traversal::is_allowed;
use crate::upstream::{Upstream, json};

#[tokio::test(flavor = "multi_thread")]
async fn mutated_requests_neither_break_the_server_nor_slip_through() {
    let upstream = Upstream::answering(json("{}")).await;
    let wanted = std::env::var("AGENTCRED_MUTATIONS").map_or(4_000, |text| text.parse().unwrap());
    // Most of the time goes into waiting for the rest of requests that lost theirs.
    let count = (wanted / NONCE_LASTS).clamp(50, MOST_CLIENTS);
    // A crowd needs longer to get its own good requests through.
    let head_time = Duration::from_millis(if count > 100 { 1_000 } else { 300 });
    // Half of a request is given up on soon, and so is a connection that waits in a pool.
    let change = |parts: &mut Parts| {
        parts.limits.head_time = head_time;
        parts.limits.request_time = Duration::from_millis(100);
        parts.limits.idle_time = Duration::from_millis(100);
        parts.limits.connections_per_peer = 2 * MOST_CLIENTS;
    };
    let mut stage = Stage::with(upstream, change).await;
    stage.agent.http =
        reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let stage = Arc::new(stage);
    let panics = count_panics();
    let minting = Arc::new(Semaphore::new(4));
    let sent = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..count)
        .map(|client| {
            let (stage, sent, minting) = (stage.clone(), sent.clone(), minting.clone());
            tokio::spawn(async move {
                let mut passed = 0;
                let mut random = Random(client + 1);
                let mint = async || {
                    let _turn = minting.acquire().await.unwrap();
                    Good::of(&stage.agent).await
                };
                let mut good = mint().await;
                for number in 0..wanted / count {
                    if number % NONCE_LASTS == NONCE_LASTS - 1 {
                        good = mint().await;
                    }
                    // Time passes, or the ledger would have to remember the proofs of a million.
                    if sent.fetch_add(1, Ordering::SeqCst) % 5_000 == 4_999 {
                        stage.clock.advance(Duration::from_secs(1));
                    }
                    passed += send_mutated(&stage, &good, &mut random).await;
                }
                passed
            })
        })
        .collect();
    let mut passed = 0;
    for client in clients {
        passed += client.await.unwrap();
    }
    let arrived = stage.upstream.arrived();
    let sent = sent.load(Ordering::SeqCst);
    println!("{sent} mutated requests, {} of them harmless enough to pass", arrived.len());
    assert_eq!(arrived.len(), passed);
    for request in &arrived {
        assert!(is_allowed(request.line().strip_prefix("GET ").unwrap()), "{}", request.head);
    }
    assert_eq!(panics.load(Ordering::SeqCst), 0);
    let nonce = stage.agent.mint(READ).await;
    assert_eq!(stage.agent.get(&nonce, "/egress/stripe/v1/customers").await.status(), 200);
}

/// Sends one mutated request. Gives how many requests in it were passed on.
async fn send_mutated(stage: &Stage, good: &Good, random: &mut Random) -> usize {
    let template = "GET {path}?limit=3 HTTP/1.1\r\nhost: b\r\nconnection: close\r\n{auth}\r\n";
    let mut request = good.fill(&stage.agent, template);
    for _ in 0..=random.below(3) {
        mutate(&mut request, random);
    }
    let client = RawClient::connect(&stage.agent.issuer).await;
    let answers = client.until_closed(&request).await.unwrap();
    let statuses = statuses(&answers);
    let shown = request.escape_ascii();
    assert!(statuses.iter().all(|status| *status < 500), "{statuses:?} to {shown}");
    statuses.iter().filter(|status| **status == 200).count()
}

fn mutate(request: &mut Vec<u8>, random: &mut Random) {
    const PIECES: [&[u8]; 16] = [
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b":",
        b"\r\n\r\n",
        b"/../",
        b"%2e%2e",
        b"chunked",
        b"\r\ntransfer-encoding: chunked",
        b"\r\ncontent-length: 5",
        b"\r\nhost: c",
        b"\xff",
        b"?",
    ];
    if request.is_empty() {
        return;
    }
    // Most of a request is its proof; the line and the ends of headers deserve more hits.
    let reach = if random.below(2) == 0 { request.len() } else { request.len().min(120) };
    let at = random.below(reach);
    let end = (at + 1 + random.below(12)).min(request.len());
    match random.below(6) {
        0 => request[at] ^= 1 << random.below(8),
        1 => drop(request.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
        2 => drop(request.drain(at..end)),
        3 => request.truncate(at),
        4 => {
            let again = request[at..end].to_vec();
            drop(request.splice(at..at, again));
        }
        _ => request[at] = u8::try_from(random.below(256)).unwrap(),
    }
}

/// Numbers that look random and are the same each time (xorshift).
struct Random(usize);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Counts panics outside of tests from now on.
fn count_panics() -> Arc<AtomicUsize> {
    let panics = Arc::new(AtomicUsize::new(0));
    let counted = panics.clone();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|at| at.file().contains("tests/")) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        before(panic);
    }));
    panics
}

const MOST_CLIENTS: usize = 400;
/// For how many requests a client keeps its nonces.
const NONCE_LASTS: usize = 60;
