//! Requests with a proof, sent once more when the vault side asks for a newer server nonce.

use std::sync::{Arc, Mutex, PoisonError};

use agentcred_protocol::clock::{Clock as _, SystemClock};
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::proof::{self, ProvenRequest, SERVER_NONCE_HEADER};
use agentcred_protocol::random::fresh_id;
use agentcred_protocol::refusal::{REFUSAL_HEADER, RefusalBody, RefusalCode};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::egress::EgressResponse;
use crate::issuer::IssuerError;
use crate::wire::{Exchange, TraceSource, Wire, WireError};

/// The wire to one vault side, with the server nonce that it gave last (RFC 9449 section 8.2).
/// Issuer and broker have one origin, and so one server nonce.
pub(super) struct ProvenWire {
    wire: Wire,
    server_nonce: Mutex<Option<HeaderValue>>,
}

/// Why a request with a proof has no answer.
pub(super) enum ProvenError {
    Wire(WireError),
    /// This machine could not sign.
    Local,
}

impl ProvenWire {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, server_nonce: Mutex::default() }
    }

    /// The same wire with a new connection for every request.
    pub(super) fn without_idle_connections(&self) -> Result<Self, IssuerError> {
        self.wire.without_idle_connections().map(Self::new)
    }

    /// The same wire, which says what trace each request belongs to.
    pub(super) fn traced_by(&self, source: Arc<TraceSource>) -> Self {
        Self::new(self.wire.traced_by(source))
    }

    /// Sends a request that needs no proof.
    pub(super) async fn send(&self, exchange: Exchange) -> Result<EgressResponse, WireError> {
        let answer = self.wire.send(exchange).await?;
        self.remember(&answer.headers);
        Ok(answer)
    }

    /// Sends a request with a proof by `key`. `token_hash` is that of the token that goes with it.
    ///
    /// It is sent a second time only when the vault side says that it wants a newer server nonce:
    /// then nothing has happened yet. An upload is sent once; the mint before it has brought a
    /// server nonce.
    pub(super) async fn send_proven(
        &self,
        exchange: Exchange,
        key: &SigningKey,
        token_hash: Option<&str>,
    ) -> Result<EgressResponse, ProvenError> {
        let answer = self.send_once(exchange.clone(), key, token_hash).await?;
        if exchange.upload.is_none() && wants_server_nonce(&answer, token_hash) {
            return self.send_once(exchange, key, token_hash).await;
        }
        Ok(answer)
    }

    async fn send_once(
        &self,
        mut exchange: Exchange,
        key: &SigningKey,
        token_hash: Option<&str>,
    ) -> Result<EgressResponse, ProvenError> {
        let request = ProvenRequest { method: &exchange.method, url: &exchange.url, token_hash };
        let server_nonce = self.server_nonce();
        let server_nonce = server_nonce.as_ref().and_then(|it| it.to_str().ok());
        let id = fresh_id().map_err(|_| ProvenError::Local)?;
        let now = SystemClock.now();
        let proof = proof::sign_with_server_nonce(key, request, server_nonce, &id, now)
            .map_err(|_| ProvenError::Local)?;
        exchange.headers.push((HeaderName::from_static(proof::HEADER), proof));
        self.send(exchange).await.map_err(ProvenError::Wire)
    }

    fn server_nonce(&self) -> Option<HeaderValue> {
        self.server_nonce.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, headers: &HeaderMap) {
        let given = headers.get(SERVER_NONCE_HEADER).filter(|it| it.len() <= LONGEST_SERVER_NONCE);
        if let Some(given) = given {
            let mut latest = self.server_nonce.lock().unwrap_or_else(PoisonError::into_inner);
            *latest = Some(given.clone());
        }
    }
}

/// With a token a request goes to the broker, which says so in a header that no upstream can write:
/// an upstream's answer must not have a request sent twice. Without one it goes to an endpoint of
/// the issuer, which says so as RFC 9449 section 8 has it.
fn wants_server_nonce(answer: &EgressResponse, token_hash: Option<&str>) -> bool {
    if token_hash.is_some() {
        let code = answer.headers.get(REFUSAL_HEADER);
        return code.is_some_and(|code| code == RefusalCode::UseDpopNonce.as_str());
    }
    let refusal = serde_json::from_slice::<RefusalBody>(&answer.body);
    answer.status == StatusCode::BAD_REQUEST
        && refusal.is_ok_and(|refusal| refusal.error == RefusalCode::UseDpopNonce)
}

/// In bytes. A proof with a longer one would be refused.
const LONGEST_SERVER_NONCE: usize = 256;

#[cfg(test)]
mod tests {
    use agentcred_protocol::clock::UnixTime;
    use bytes::Bytes;
    use http::Method;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use url::Url;

    use super::*;
    use crate::wire::ISSUER_WAIT;

    const ASKS: &str = r#"{"error":"use_dpop_nonce"}"#;

    /// A vault side that gives these answers, one after another: status, headers, body.
    struct Script {
        url: Url,
        wire: ProvenWire,
        proofs: tokio::task::JoinHandle<Vec<Option<String>>>,
    }

    impl Script {
        async fn of(answers: &'static [(u16, &'static str, &'static str)]) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/token", listener.local_addr().unwrap());
            let url = Url::parse(&url).unwrap();
            let wire = ProvenWire::new(Wire::new(&url, Vec::new()).unwrap());
            let expected = url.clone();
            let proofs = tokio::spawn(async move {
                let mut nonces = Vec::new();
                for (status, headers, body) in answers {
                    let (mut agent, _) = listener.accept().await.unwrap();
                    let mut read = vec![0; 8192];
                    let length = agent.read(&mut read).await.unwrap();
                    let head = String::from_utf8(read[..length].to_vec()).unwrap();
                    let answer = format!(
                        "HTTP/1.1 {status} Said\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    agent.write_all(answer.as_bytes()).await.unwrap();
                    nonces.push(server_nonce_in(&head, &expected));
                }
                nonces
            });
            Self { url, wire, proofs }
        }

        async fn send(&self, token_hash: Option<&str>) -> u16 {
            let exchange = Exchange {
                method: Method::POST,
                url: self.url.clone(),
                headers: Vec::new(),
                body: Bytes::new(),
                upload: None,
                wait: ISSUER_WAIT,
            };
            let key = SigningKey::ephemeral().unwrap();
            let sent = self.wire.send_proven(exchange, &key, token_hash).await;
            sent.ok().unwrap().status.as_u16()
        }
    }

    /// The server nonce in the proof of a request.
    fn server_nonce_in(head: &str, url: &Url) -> Option<String> {
        let proof = head.lines().find_map(|line| line.strip_prefix("dpop: ")).unwrap();
        let proof = HeaderValue::from_str(proof).unwrap();
        for token_hash in [None, Some("hash")] {
            let request = ProvenRequest { method: &Method::POST, url, token_hash };
            let now: UnixTime = SystemClock.now();
            if let Ok(proven) = proof::verify(&proof, request, now) {
                return proven.server_nonce;
            }
        }
        None
    }

    #[tokio::test]
    async fn a_wanted_server_nonce_is_given_once_and_the_latest_is_kept() {
        let script = Script::of(&[
            (400, "dpop-nonce: first\r\n", ASKS),
            (200, "dpop-nonce: second\r\n", "{}"),
            (200, "", "{}"),
        ])
        .await;
        assert_eq!(script.send(None).await, 200);
        assert_eq!(script.send(None).await, 200);
        let given = script.proofs.await.unwrap();
        assert_eq!(given, [None, Some("first".to_owned()), Some("second".to_owned())]);
    }

    #[tokio::test]
    async fn who_asks_again_and_again_is_not_answered_again() {
        let asks = (400, "dpop-nonce: next\r\n", ASKS);
        let script = Box::leak(Box::new([asks, asks]));
        let script = Script::of(script).await;
        assert_eq!(script.send(None).await, 400);
        assert_eq!(script.proofs.await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn the_broker_is_answered_and_an_upstream_is_not() {
        let asks = "agentcred-error: use_dpop_nonce\r\ndpop-nonce: first\r\n";
        let answers = Box::leak(Box::new([(401, asks, ASKS), (200, "", "{}")]));
        let broker = Script::of(answers).await;
        assert_eq!(broker.send(Some("hash")).await, 200);
        assert_eq!(broker.proofs.await.unwrap(), [None, Some("first".to_owned())]);
        // An upstream that says the same would have the request sent twice.
        let upstream = Script::of(&[(400, "dpop-nonce: first\r\n", ASKS)]).await;
        assert_eq!(upstream.send(Some("hash")).await, 400);
        assert_eq!(upstream.proofs.await.unwrap().len(), 1);
    }
}
