//! An operator at the listener of a running issuer: one request, with the token.

use std::path::Path;
use std::time::Duration;

use agentcred_issuer::{Config, OperatorsAt};
use agentcred_protocol::token::OperatorToken;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::Failure;

/// Somebody who may ask.
pub(crate) struct Operator {
    at: OperatorsAt,
    authorization: HeaderValue,
}

impl Operator {
    /// The operator of a token file, at the issuer of a configuration.
    pub(crate) fn new(config: &Path, token_file: &Path) -> Result<Self, Failure> {
        let config = Config::load(config)?;
        let at = config.operators_at().ok_or("the configuration has no [operators]")?.clone();
        let text = std::fs::read_to_string(token_file)
            .map_err(|error| format!("{} cannot be read: {error}", token_file.display()))?;
        let token = OperatorToken::parse(text.trim_end().to_owned())
            .map_err(|_| format!("{} holds no operator's token", token_file.display()))?;
        Ok(Self { at, authorization: token.authorization()? })
    }

    /// Asks, and gives the answer or the issuer's own words about why there is none.
    pub(crate) fn ask(
        self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            tokio::time::timeout(PATIENCE, self.exchange(method, path, body))
                .await
                .map_err(|_| "the issuer does not answer")?
        })
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let unreachable =
            |error| format!("nobody listens at {}: {error}; is the issuer running?", self.at);
        match &self.at {
            OperatorsAt::Address(address) => {
                let stream = TcpStream::connect(address).await.map_err(unreachable)?;
                self.send(stream, &address.to_string(), method, path, body).await
            }
            #[cfg(unix)]
            OperatorsAt::Socket(socket) => {
                let stream = tokio::net::UnixStream::connect(socket).await.map_err(unreachable)?;
                self.send(stream, "localhost", method, path, body).await
            }
            #[cfg(not(unix))]
            OperatorsAt::Socket(_) => Err("this system has no such sockets".into()),
        }
    }

    async fn send(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        host: &str,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the sender; what goes wrong in it the sender tells.
        drop(tokio::spawn(connection));
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, host)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::<Bytes>::from(body))?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| format!("the answer ended early: {error}"))?.to_bytes();
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        Err(match (answer["message"].as_str(), status.as_u16()) {
            (Some(message), _) => message.to_owned(),
            (None, 401) => "the issuer does not know this token".to_owned(),
            (None, status) => format!("the issuer answers {status}"),
        }
        .into())
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;
