//! Connections that are used again: by whom, for how long, and never with an answer left on them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentcred_issuer::Resolver;
use async_trait::async_trait;
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::agent::{READ, Wish};
use crate::stage::Stage;
use crate::upstream::{Upstream, json, read_request};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";
const POISON: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";

/// An upstream that keeps its connections. It tells which connection each request came over, and
/// writes to one what a test hands it.
struct Lasting {
    upstream: Upstream,
    seen: Arc<Mutex<Vec<usize>>>,
    write: mpsc::Sender<(usize, &'static str, oneshot::Sender<()>)>,
}

impl Lasting {
    async fn answering(answer: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Upstream::at(listener.local_addr().unwrap());
        let (seen, answer) = (Arc::<Mutex<Vec<usize>>>::default(), Arc::new(answer.into()));
        let (write, mut to_write) = mpsc::channel::<(usize, &'static str, oneshot::Sender<()>)>(1);
        let known = Arc::clone(&seen);
        let writers = Arc::<Mutex<Vec<_>>>::default();
        let writing = Arc::clone(&writers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut reader, writer) = stream.into_split();
                let writer = Arc::new(tokio::sync::Mutex::new(writer));
                let number = {
                    let mut writers = writers.lock().unwrap();
                    writers.push(Arc::clone(&writer));
                    writers.len()
                };
                let (known, answer) = (Arc::clone(&known), Arc::clone(&answer));
                tokio::spawn(async move {
                    while read_request(&mut reader).await.is_some() {
                        known.lock().unwrap().push(number);
                        let answer = answer.replace('#', &number.to_string());
                        if writer.lock().await.write_all(answer.as_bytes()).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        tokio::spawn(async move {
            while let Some((number, bytes, done)) = to_write.recv().await {
                let writer = Arc::clone(&writing.lock().unwrap()[number - 1]);
                writer.lock().await.write_all(bytes.as_bytes()).await.unwrap();
                done.send(()).unwrap();
            }
        });
        Self { upstream, seen, write }
    }
}

/// A stage, which connection each request came over, and a hand on the connections.
async fn lasting(
    answer: &str,
) -> (Stage, Arc<Mutex<Vec<usize>>>, mpsc::Sender<(usize, &'static str, oneshot::Sender<()>)>) {
    let Lasting { upstream, seen, write } = Lasting::answering(answer).await;
    (Stage::before(upstream).await, seen, write)
}

/// One call of a task; gives the body of the answer once the connection is at rest.
async fn call(stage: &Stage, task: &str) -> String {
    let grant = stage.agent.try_grant(task).await.unwrap();
    let nonce = stage.agent.try_mint(&grant, READ).await.unwrap().token;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_task_uses_its_connection_again_and_every_other_task_has_its_own() {
    let (stage, seen, _write) = lasting(&json("#")).await;
    for (task, expected) in [("a", "1"), ("a", "1"), ("b", "2"), ("a", "1"), ("b", "2")] {
        assert_eq!(call(&stage, task).await, expected);
    }
    assert_eq!(*seen.lock().unwrap(), [1, 1, 2, 1, 2]);
}

#[tokio::test]
async fn services_share_no_connection_though_they_have_one_origin() {
    let (stage, seen, _write) = lasting(&json("{}")).await;
    let entries = Wish { service: "ledger", scope: "read:entries", ..READ };
    for (wish, path) in [(READ, CUSTOMERS), (entries, "/egress/ledger/entries"), (READ, CUSTOMERS)]
    {
        let nonce = stage.agent.mint(wish).await;
        let response = stage.agent.get(&nonce, path).await;
        assert_eq!(response.text().await.unwrap(), "{}");
    }
    assert_eq!(*seen.lock().unwrap(), [1, 2, 1]);
}

#[tokio::test]
async fn a_connection_that_waited_or_lived_too_long_is_not_used_again() {
    let (stage, seen, _write) = lasting(&json("{}")).await;
    for pause in [0, 9, 9, 11, 9, 9, 9, 9, 9, 9] {
        stage.clock.advance(Duration::from_secs(pause));
        call(&stage, "a").await;
    }
    assert_eq!(*seen.lock().unwrap(), [1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
    stage.clock.advance(Duration::from_secs(9));
    call(&stage, "a").await;
    assert_eq!(seen.lock().unwrap().last(), Some(&3));
}

#[tokio::test]
async fn what_changes_something_goes_over_a_connection_of_its_own() {
    let (stage, seen, _write) = lasting(&json("{}")).await;
    call(&stage, "task-1").await;
    let refund = Wish { scope: "write:refunds", ..READ };
    for _ in 0..2 {
        let nonce = stage.agent.mint(refund).await;
        let response = stage.agent.send(&nonce, Method::POST, "/egress/stripe/v1/refunds").await;
        assert_eq!(response.status(), 200);
    }
    call(&stage, "task-1").await;
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3, 1]);
}

#[tokio::test]
async fn after_an_irregular_answer_nothing_follows_on_its_connection() {
    for answer in [
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}\r\n",
    ] {
        let (stage, seen, _write) = lasting(answer).await;
        for _ in 0..3 {
            assert_eq!(call(&stage, "a").await, "{}", "{answer}");
        }
        assert_eq!(*seen.lock().unwrap(), [1, 2, 3], "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_read_to_its_end_ends_its_connection() {
    let large = json(&"a".repeat(8 << 20));
    let (stage, seen, _write) = lasting(&large).await;
    for _ in 0..2 {
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        assert_eq!(response.status(), 200);
        drop(response);
    }
    assert_eq!(*seen.lock().unwrap(), [1, 2]);
}

/// What a pool makes of it that only counts bytes.
async fn naive(address: SocketAddr) -> [String; 2] {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut received = Vec::new();
    let mut answers = [String::new(), String::new()];
    for answer in &mut answers {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nauthorization: b\r\n\r\n").await.unwrap();
        loop {
            let text = String::from_utf8(received.clone()).unwrap();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let (_, rest) = head.split_once("content-length: ").unwrap();
                let length: usize = rest.lines().next().unwrap().parse().unwrap();
                if body.len() >= length {
                    body[..length].clone_into(answer);
                    received.drain(..head.len() + 4 + length);
                    break;
                }
            }
            stream.read_buf(&mut received).await.unwrap();
        }
    }
    answers
}

#[tokio::test]
async fn a_second_answer_to_one_request_reaches_nobody() {
    let twice = format!("{}{POISON}", json("mine"));
    // The control: a pool that takes what comes hands it over.
    let control = Lasting::answering(twice.clone()).await;
    assert_eq!(naive(control.upstream.address).await, ["mine", "poison"]);
    let (stage, seen, _write) = lasting(&twice).await;
    for task in ["a", "a", "b", "a", "b", "b"] {
        assert_eq!(call(&stage, task).await, "mine");
    }
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn an_answer_that_comes_between_two_requests_reaches_nobody() {
    let (stage, seen, write) = lasting(&json("mine")).await;
    for expected in 1..5 {
        assert_eq!(call(&stage, "a").await, "mine");
        assert_eq!(seen.lock().unwrap().last(), Some(&expected));
        let (done, is_done) = oneshot::channel();
        write.send((expected, POISON, done)).await.unwrap();
        is_done.await.unwrap();
    }
    assert_eq!(stage.audit_of("use").len(), 4, "a request was sent again");
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_costs_nobody_a_call() {
    // The upstream closes without a word, sometimes while the next request is on its way.
    let stage = Stage::set().await;
    for _ in 0..50 {
        assert_eq!(call(&stage, "a").await, "{}");
    }
    let uses = stage.audit_of("use");
    let again = uses.iter().filter(|line| line["again"] == "new_connection").count();
    assert_eq!(uses.len(), 50 + again);
}

/// Gives another address each time it is asked.
#[derive(Debug)]
struct Moving {
    addresses: Vec<SocketAddr>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Resolver for Moving {
    async fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<SocketAddr>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(vec![self.addresses[asked.min(self.addresses.len() - 1)]])
    }
}

#[tokio::test]
async fn a_name_that_moved_is_resolved_and_checked_again_for_every_new_connection() {
    let Lasting { upstream, seen, write: _write } = Lasting::answering(json("{}")).await;
    let address = upstream.address;
    let asked = Arc::new(AtomicUsize::new(0));
    let resolver = Moving {
        addresses: vec![address, "169.254.169.254:80".parse().unwrap()],
        asked: Arc::clone(&asked),
    };
    let stage = Stage::build(
        upstream,
        |policy, _| {
            let by_name = format!("http://localhost:{}", address.port());
            policy.replacen(&format!("http://{address}"), &by_name, 1)
        },
        |parts| parts.resolver = Arc::new(resolver),
    );
    let stage = stage.await;
    call(&stage, "a").await;
    call(&stage, "a").await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    stage.clock.advance(Duration::from_mins(1));
    let nonce = stage.agent.mint(READ).await;
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 503);
    assert_eq!(stage.last_reason(), "upstream_address_forbidden");
    assert_eq!(*seen.lock().unwrap(), [1, 1]);
}
