//! An upload in the hands of a test: what its caller sends and when, and what its upstream takes.

use std::time::Duration;

use agentcred_issuer::Parts;
use agentcred_protocol::token::NonceToken;
use http::Method;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::agent::{READ, Wish};
use crate::stage::Stage;
use crate::upstream::Upstream;

pub(crate) const FILES: &str = "/egress/stripe/v1/files";
pub(crate) const UPLOAD: Wish<'_> = Wish { scope: "write:files", uses: 2, ..READ };

/// More than is read whole.
pub(crate) const LENGTH: usize = 3 << 20;

pub(crate) const HALF: usize = LENGTH / 2;

/// How long a test waits for what should come at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// An upstream that reads when a test says so, before a stage whose agent may upload.
pub(crate) async fn upload_stage(change: impl FnOnce(&mut Parts)) -> (Stage, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = stage_before(Upstream::at(listener.local_addr().unwrap()), change).await;
    (stage, listener)
}

pub(crate) async fn stage_before(upstream: Upstream, change: impl FnOnce(&mut Parts)) -> Stage {
    Stage::build(upstream, |policy, _| with_uploads(&policy), change).await
}

/// The configuration with a rule for large bodies.
pub(crate) fn with_uploads(policy: &str) -> String {
    let bounds = "max_response_body = \"2GiB\"\nmax_time = \"10m\"\n";
    let rule = |method| {
        format!(
            "[[services.stripe.scopes.\"write:files\"]]\nmethod = \"{method}\"\npath = \"/v1/files\"\n{bounds}"
        )
    };
    let rules =
        format!("{}max_request_body = \"2GiB\"\n{}[services.ledger]", rule("POST"), rule("GET"));
    policy
        .replace(
            "[\"read:customers\", \"write:refunds\"]",
            "[\"read:customers\", \"write:refunds\", \"write:files\"]",
        )
        .replace("[services.ledger]", &rules)
}

/// An upload whose head has arrived.
pub(crate) struct Begun {
    pub(crate) stage: Stage,
    pub(crate) listener: TcpListener,
    pub(crate) nonce: NonceToken,
    pub(crate) caller: Caller,
    pub(crate) upstream: Sink,
}

impl Begun {
    pub(crate) async fn of_bytes(length: usize, change: impl FnOnce(&mut Parts)) -> Self {
        let (stage, listener) = upload_stage(change).await;
        let nonce = stage.agent.mint(UPLOAD).await;
        let caller = Caller::of_bytes(&stage, &nonce, length).await;
        let upstream = Sink::open(&listener).await;
        Self { stage, listener, nonce, caller, upstream }
    }

    /// One of which half has arrived.
    pub(crate) async fn half_way(change: impl FnOnce(&mut Parts)) -> Self {
        let mut begun = Self::of_bytes(LENGTH, change).await;
        begun.caller.send(&vec![1; HALF]).await;
        begun.upstream.take(HALF).await;
        begun
    }
}

/// The caller's side of an upload.
pub(crate) struct Caller(pub(crate) TcpStream);

impl Caller {
    /// Sends the head of an upload.
    pub(crate) async fn begin(
        stage: &Stage,
        nonce: &NonceToken,
        length: usize,
        more: &str,
    ) -> Self {
        let head = format!(
            "POST {FILES} HTTP/1.1\r\nhost: b\r\ncontent-length: {length}\r\nauthorization: {}\r\n\
             dpop: {}\r\n{more}\r\n",
            nonce.authorization().unwrap().to_str().unwrap(),
            stage.agent.nonce_proof(nonce, &Method::POST, FILES).to_str().unwrap()
        );
        let mut stream = TcpStream::connect(stage.server.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream)
    }

    /// An upload of bytes that have no fields.
    pub(crate) async fn of_bytes(stage: &Stage, nonce: &NonceToken, length: usize) -> Self {
        Self::begin(stage, nonce, length, "content-type: application/octet-stream\r\n").await
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// What comes back, until the connection ends or an answer without a length is over.
    pub(crate) async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        let reading = async {
            while !String::from_utf8_lossy(&answer).contains("\r\n\r\n") {
                if !self.0.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {
                    break;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// The upstream's side of one.
pub(crate) struct Sink {
    pub(crate) stream: TcpStream,
    pub(crate) head: String,
    /// What has come of the body.
    pub(crate) body: Vec<u8>,
}

impl Sink {
    /// Waits for a request's head.
    pub(crate) async fn open(listener: &TcpListener) -> Self {
        let accepting = tokio::time::timeout(PATIENCE, listener.accept());
        let (mut stream, _) = accepting.await.unwrap().unwrap();
        let (head, body) = read_head(&mut stream).await;
        Self { stream, head, body }
    }

    /// Waits until so much of the body has come.
    pub(crate) async fn take(&mut self, length: usize) {
        let reading = async {
            while self.body.len() < length {
                assert!(self.stream.read_buf(&mut self.body).await.unwrap() > 0, "it ended");
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap();
    }

    /// Waits until the connection ends. How much of the body has come then.
    pub(crate) async fn until_closed(&mut self) -> usize {
        let reading = async {
            while self.stream.read_buf(&mut self.body).await.is_ok_and(|read| read > 0) {}
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap();
        self.body.len()
    }

    pub(crate) async fn answer(&mut self, answer: &str) {
        self.stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = crate::raw::position(&bytes, b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            return (String::from_utf8(bytes).unwrap(), body);
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "it ended within the head");
    }
}
