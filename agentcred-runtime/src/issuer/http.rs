//! The issuer of this project, over HTTP: grants and nonces bound to a key of the task.

use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::answer::{GrantAnswer, NonceAnswer};
use agentcred_protocol::assertion;
use agentcred_protocol::clock::{Clock, SystemClock};
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::metadata::{Metadata, WELL_KNOWN};
use agentcred_protocol::names::{AgentId, ServiceName, TaskId};
use agentcred_protocol::proof::{self, ProvenRequest};
use agentcred_protocol::random::fresh_id;
use agentcred_protocol::refusal::{REFUSAL_HEADER, RETRYABLE_HEADER, RefusalBody, RefusalCode};
use agentcred_protocol::request::{
    NonceWish, RequestedCall, nonce_form, revoke_grant_form, revoke_nonce_form, task_form,
};
use agentcred_protocol::scrub::Scrubber;
use agentcred_protocol::token::{GrantToken, NonceToken};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use url::Url;
use zeroize::Zeroizing;

use super::{Credential, Issuer, IssuerError, MintRequest, Minted, TaskGrant};
use crate::config::Environment;
use crate::egress::{EgressRequest, EgressResponse, RequestError};
use crate::wire::{BROKER_WAIT, Exchange, ISSUER_WAIT, Wire, WireError};

/// An `agentcred-issuer`, reached over HTTP.
///
/// The agent authenticates with its key; each task gets a proof key of its own, so that a
/// nonce that is read off the wire is of no use without it (RFC 9449).
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = agentcred_runtime::HttpIssuer::from_env()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct HttpIssuer {
    vault: Arc<Vault>,
}

/// What every task of this issuer shares.
struct Vault {
    wire: Wire,
    url: Url,
    agent_key: SigningKey,
    only_agent: Option<AgentId>,
}

impl HttpIssuer {
    /// An issuer by the environment: `AGENTCRED_ISSUER` (its URL), `AGENTCRED_AGENT_KEY_FILE`
    /// (private JWK or PKCS #8 PEM), and optionally `AGENTCRED_AGENT_ID` (no other agent may
    /// open tasks) and `AGENTCRED_CA_FILE` (PEM; the only authorities that are trusted).
    ///
    /// # Errors
    /// When a variable is missing, or what it names cannot be used. The text says which.
    pub fn from_env() -> Result<Self, IssuerError> {
        let environment = Environment::read()?;
        let mut issuer =
            Self::build(environment.issuer, environment.agent_key, environment.authorities)?;
        issuer.only_agent = environment.agent_id;
        Ok(Self { vault: Arc::new(issuer) })
    }

    /// An issuer at `url` that knows the agent by `agent_key`.
    ///
    /// # Errors
    /// When the URL is neither `https` nor `http` on loopback, or TLS cannot be set up.
    pub fn new(url: Url, agent_key: SigningKey) -> Result<Self, IssuerError> {
        Ok(Self { vault: Arc::new(Self::build(url, agent_key, Vec::new())?) })
    }

    fn build(
        url: Url,
        agent_key: SigningKey,
        authorities: Vec<reqwest::Certificate>,
    ) -> Result<Vault, IssuerError> {
        Ok(Vault { wire: Wire::new(&url, authorities)?, url, agent_key, only_agent: None })
    }
}

#[async_trait]
impl Issuer for HttpIssuer {
    async fn open_task(
        &self,
        agent: &AgentId,
        task: &TaskId,
    ) -> Result<Box<dyn TaskGrant>, IssuerError> {
        let vault = Arc::clone(&self.vault);
        if let Some(only) = vault.only_agent.as_ref().filter(|only| *only != agent) {
            return Err(IssuerError::Misconfigured(format!(
                "the agent is built as `{agent}` but AGENTCRED_AGENT_ID says `{only}`; make them the same"
            )));
        }
        let metadata = vault.discover().await?;
        let now = SystemClock.now();
        let id = fresh_id().map_err(|_| IssuerError::Local)?;
        let assertion = assertion::sign(&vault.agent_key, agent, &metadata.issuer, &id, now)
            .map_err(|_| IssuerError::Local)?;
        let assertion = Zeroizing::new(assertion);
        let proof_key = SigningKey::ephemeral().map_err(|_| IssuerError::Local)?;
        let body =
            vault.post(&metadata.token_endpoint, &proof_key, task_form(&assertion, task)).await?;
        let grant = GrantAnswer::from_json(&body).map_err(|_| vault.garbled())?;
        Ok(Box::new(HttpGrant {
            session: Arc::new(Session { vault, metadata, proof_key }),
            grant: grant.token,
        }))
    }
}

/// What one task's grant and nonces share.
struct Session {
    vault: Arc<Vault>,
    metadata: Metadata,
    proof_key: SigningKey,
}

struct HttpGrant {
    session: Arc<Session>,
    grant: GrantToken,
}

#[async_trait]
impl TaskGrant for HttpGrant {
    async fn mint(&self, wish: &MintRequest) -> Result<Minted, IssuerError> {
        let Session { vault, metadata, proof_key } = &*self.session;
        let egress = service_url(&metadata.agentcred_egress_endpoint, &wish.service);
        let call = RequestedCall::new(
            wish.tool.clone(),
            wish.call.clone(),
            wish.arguments.clone(),
            wish.uses,
        );
        let form = nonce_form(
            &self.grant,
            &NonceWish {
                service: &wish.service,
                resource: &egress,
                scope: &wish.scope,
                ttl: wish.ttl,
                call: &call,
            },
        );
        let body = vault
            .post(&metadata.token_endpoint, proof_key, form.map_err(|_| IssuerError::Local)?)
            .await?;
        let answer = NonceAnswer::from_json(&body).map_err(|_| vault.garbled())?;
        let details = &answer.details;
        // A nonce for another call or a wider scope than this one's is no answer to this request.
        if details.tool_call_id != wish.call
            || details.tool != wish.tool
            || details.args_hash != wish.arguments
            || answer.scope != wish.scope
        {
            return Err(vault.garbled());
        }
        Ok(Minted {
            id: answer.details.nonce_id,
            service: wish.service.clone(),
            scope: answer.scope,
            expires_in: Duration::from_secs(answer.expires_in),
            uses: answer.details.num_uses,
            credential: Box::new(HttpNonce {
                session: Arc::clone(&self.session),
                egress,
                nonce: answer.token,
            }),
        })
    }

    async fn close(&self) -> Result<(), IssuerError> {
        self.session.revoke(revoke_grant_form(&self.grant)).await
    }
}

struct HttpNonce {
    session: Arc<Session>,
    egress: Url,
    nonce: NonceToken,
}

#[async_trait]
impl Credential for HttpNonce {
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, RequestError> {
        match self.send_once(request.clone()).await {
            // The broker says that nothing went upstream and gave the use back.
            Err(Attempt { error: _, retryable: true }) => {
                self.send_once(request).await.map_err(|attempt| attempt.error)
            }
            outcome => outcome.map_err(|attempt| attempt.error),
        }
    }

    async fn revoke(&self) -> Result<(), IssuerError> {
        self.session.revoke(revoke_nonce_form(&self.nonce)).await
    }

    fn scrubber(&self) -> Scrubber {
        self.nonce.scrubber()
    }
}

struct Attempt {
    error: RequestError,
    retryable: bool,
}

impl From<RequestError> for Attempt {
    fn from(error: RequestError) -> Self {
        Self { error, retryable: false }
    }
}

impl HttpNonce {
    async fn send_once(&self, request: EgressRequest) -> Result<EgressResponse, Attempt> {
        let Session { vault, proof_key, .. } = &*self.session;
        let mut url = self.egress.clone();
        url.set_path(&format!("{}{}", self.egress.path(), request.path));
        // The parser must not have changed what the author wrote: the broker would see another path.
        if !url.path().ends_with(&request.path) {
            return Err(RequestError::InvalidPath.into());
        }
        url.set_query(Some(request.query.as_str()).filter(|query| !query.is_empty()));
        let token_hash = self.nonce.proof_hash();
        let proven =
            ProvenRequest { method: &request.method, url: &url, token_hash: Some(&token_hash) };
        let id = fresh_id().map_err(|_| RequestError::Local)?;
        let proof = proof::sign(proof_key, proven, &id, SystemClock.now())
            .map_err(|_| RequestError::Local)?;
        let authorization = self.nonce.authorization().map_err(|_| RequestError::Local)?;
        let mut headers = vec![(AUTHORIZATION, authorization), (proof_header(), proof)];
        headers.extend(request.content_type.map(|media| (CONTENT_TYPE, media)));
        let exchange = Exchange {
            method: request.method,
            url,
            headers,
            body: request.body,
            wait: BROKER_WAIT,
        };
        let answer = vault.wire.send(exchange).await.map_err(|error| match error {
            WireError::Unreachable => RequestError::Unreachable,
            WireError::TimedOut => RequestError::TimedOut,
            WireError::TooLarge(limit) => RequestError::TooLarge(limit),
        })?;
        let Some(code) = answer.headers.get(REFUSAL_HEADER) else {
            return Ok(answer);
        };
        let code = code
            .to_str()
            .ok()
            .and_then(RefusalCode::from_wire)
            .unwrap_or(RefusalCode::TemporarilyUnavailable);
        let retryable = answer.headers.get(RETRYABLE_HEADER).is_some_and(|value| value == "1");
        Err(Attempt { error: RequestError::Refused(code), retryable })
    }
}

impl Session {
    async fn revoke(&self, form: Zeroizing<String>) -> Result<(), IssuerError> {
        self.vault.post(&self.metadata.revocation_endpoint, &self.proof_key, form).await.map(drop)
    }
}

impl Vault {
    /// The metadata, which must speak of the very issuer that was asked (RFC 8414 section 3.3):
    /// tokens go to no other origin.
    async fn discover(&self) -> Result<Metadata, IssuerError> {
        let mut url = self.url.clone();
        url.set_path(WELL_KNOWN);
        let exchange = Exchange {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
            wait: ISSUER_WAIT,
        };
        let answer = self.wire.send(exchange).await.map_err(|error| self.failed(error))?;
        if answer.status != StatusCode::OK {
            return Err(self.garbled());
        }
        let metadata: Metadata =
            serde_json::from_slice(&answer.body).map_err(|_| self.garbled())?;
        let endpoints = [
            &metadata.issuer,
            &metadata.token_endpoint,
            &metadata.revocation_endpoint,
            &metadata.agentcred_egress_endpoint,
        ];
        if endpoints.iter().any(|endpoint| endpoint.origin() != self.url.origin()) {
            return Err(IssuerError::Misconfigured(format!(
                "the issuer at {} names endpoints at another origin; set AGENTCRED_ISSUER to the issuer's own `issuer` URL",
                self.name()
            )));
        }
        Ok(metadata)
    }

    /// Posts a form with a proof and gives the body of a success.
    async fn post(
        &self,
        url: &Url,
        proof_key: &SigningKey,
        form: Zeroizing<String>,
    ) -> Result<Bytes, IssuerError> {
        let request = ProvenRequest { method: &Method::POST, url, token_hash: None };
        let id = fresh_id().map_err(|_| IssuerError::Local)?;
        let proof = proof::sign(proof_key, request, &id, SystemClock.now())
            .map_err(|_| IssuerError::Local)?;
        let headers = vec![
            (proof_header(), proof),
            (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        ];
        let exchange = Exchange {
            method: Method::POST,
            url: url.clone(),
            headers,
            body: Bytes::from_owner(form),
            wait: ISSUER_WAIT,
        };
        let answer = self.wire.send(exchange).await.map_err(|error| self.failed(error))?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let refusal: RefusalBody =
            serde_json::from_slice(&answer.body).map_err(|_| self.garbled())?;
        Err(IssuerError::Refused(refusal.error))
    }

    fn failed(&self, error: WireError) -> IssuerError {
        match error {
            WireError::Unreachable | WireError::TimedOut => {
                IssuerError::Unreachable { issuer: self.name() }
            }
            WireError::TooLarge(_) => self.garbled(),
        }
    }

    fn garbled(&self) -> IssuerError {
        IssuerError::Garbled { issuer: self.name() }
    }

    fn name(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

fn service_url(egress: &Url, service: &ServiceName) -> Url {
    let mut url = egress.clone();
    url.set_path(&format!("{}/{service}", egress.path().trim_end_matches('/')));
    url
}

fn proof_header() -> http::HeaderName {
    http::HeaderName::from_static(proof::HEADER)
}
