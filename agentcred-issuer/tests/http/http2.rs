//! An upstream that speaks HTTP/2 alone, and puts each of its exchanges into the hands of a test.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use agentcred_issuer::Parts;
use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::sink::PATIENCE;
use crate::stage::Stage;
use crate::upstream::{Upstream, acceptor};

/// A request that waits for its answer. When it is dropped, its stream is reset.
pub(crate) struct Exchange {
    pub(crate) head: request::Parts,
    body: Incoming,
    /// The number of the connection that it came over.
    pub(crate) connection: usize,
    answer: oneshot::Sender<Response<Answer>>,
}

/// The body of an answer.
pub(crate) type Answer = BoxBody<Bytes, Infallible>;

pub(crate) fn full(body: impl Into<Bytes>) -> Response<Answer> {
    Response::new(Full::new(body.into()).boxed())
}

/// What arrives, in order.
pub(crate) struct Exchanges(mpsc::UnboundedReceiver<Exchange>);

impl Exchanges {
    pub(crate) async fn next(&mut self) -> Exchange {
        tokio::time::timeout(PATIENCE, self.0.recv()).await.unwrap().unwrap()
    }

    /// Whether nothing has arrived since.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Exchange {
    /// Waits until so much more of the body has come.
    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        while taken.len() < length {
            // When it ends before, so does the test.
            taken.extend(self.piece().await.unwrap().unwrap());
        }
        taken
    }

    /// The rest of the body, or why it has no end.
    pub(crate) async fn rest(&mut self) -> hyper::Result<Vec<u8>> {
        let mut rest = Vec::new();
        while let Some(piece) = self.piece().await {
            rest.extend(piece?);
        }
        Ok(rest)
    }

    async fn piece(&mut self) -> Option<hyper::Result<Bytes>> {
        let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.unwrap()?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
    }

    /// Answers. What is still to come of the body can be taken afterwards.
    pub(crate) fn answer(self, answer: Response<Answer>) -> Self {
        let (never, _) = oneshot::channel();
        let _ = self.answer.send(answer);
        Self { answer: never, ..self }
    }
}

/// A stage whose service `stripe` is such an upstream.
pub(crate) async fn http2_stage(
    edit: impl FnOnce(String) -> String,
    change: impl FnOnce(&mut Parts),
) -> (Stage, Exchanges) {
    let (address, authority, exchanges) = http2_upstream().await;
    let edit = |policy: String, folder: &std::path::Path| {
        std::fs::write(folder.join("ca.pem"), authority).unwrap();
        edit(policy.replacen(
            &format!("origin = \"http://{address}\""),
            &format!("origin = \"https://{address}\"\nca_file = \"ca.pem\""),
            1,
        ))
    };
    (Stage::build(Upstream::at(address), edit, change).await, exchanges)
}

async fn http2_upstream() -> (SocketAddr, String, Exchanges) {
    let (acceptor, authority) = acceptor("127.0.0.1", &[b"h2"], |_| {});
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (hand_over, exchanges) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut connection = 0;
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            connection += 1;
            let hand_over = hand_over.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let (head, body) = request.into_parts();
                let (answer, answered) = oneshot::channel();
                let exchange = Exchange { head, body, connection, answer };
                let is_over = hand_over.send(exchange).is_err();
                async move {
                    let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
                    if is_over { Err(reset()) } else { answered.await.map_err(|_| reset()) }
                }
            });
            let serving = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(serving);
        }
    });
    (address, authority, Exchanges(exchanges))
}
