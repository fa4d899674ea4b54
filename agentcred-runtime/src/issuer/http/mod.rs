//! The issuer of this project, over HTTP: task grants bound to a key of the task.

mod identity;
mod nonce;
mod proven;
mod vault;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::answer::{GrantAnswer, NonceAnswer};
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::metadata::Metadata;
use agentcred_protocol::names::{ApprovalId, ServiceName};
use agentcred_protocol::request::{
    NonceWish, RequestedCall, nonce_form, revoke_grant_form, withdraw_form,
};
use agentcred_protocol::token::GrantToken;
use agentcred_protocol::trace::TraceParent;
use async_trait::async_trait;
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

pub(crate) use self::identity::{Identity, read_assertion};
use self::nonce::HttpNonce;
use self::proven::ProvenWire;
use self::vault::Vault;
use super::{Issuer, IssuerError, MintRequest, Minted, OpenTask, TaskGrant};
use crate::config::Environment;
use crate::wire::Wire;

/// An `agentcred-issuer`, reached over HTTP.
///
/// The agent authenticates with its key, or with a file in which its platform says who it is; each task gets a proof key of its own, so that a
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

impl HttpIssuer {
    /// An issuer by the environment: `AGENTCRED_ISSUER` (its URL), `AGENTCRED_AGENT_KEY_FILE`
    /// (private JWK or PKCS #8 PEM) or, in its place, `AGENTCRED_ASSERTION_FILE` (see
    /// [`Self::with_assertion_file`]), and optionally `AGENTCRED_AGENT_ID` (no other agent may
    /// open tasks) and `AGENTCRED_CA_FILE` (PEM; the only authorities that are trusted).
    ///
    /// # Errors
    /// When a variable is missing, or what it names cannot be used. The text says which.
    pub fn from_env() -> Result<Self, IssuerError> {
        let environment = Environment::read()?;
        let mut issuer =
            Self::build(environment.issuer, environment.identity, environment.authorities)?;
        issuer.only_agent = environment.agent_id;
        Ok(Self { vault: Arc::new(issuer) })
    }

    /// An issuer at `url` that knows the agent by `agent_key`.
    ///
    /// # Errors
    /// When the URL is neither `https` nor `http` on loopback, or TLS cannot be set up.
    pub fn new(url: Url, agent_key: SigningKey) -> Result<Self, IssuerError> {
        let identity = Identity::Key(Arc::new(agent_key));
        Ok(Self { vault: Arc::new(Self::build(url, identity, Vec::new())?) })
    }

    /// An issuer at `url` that knows the agent by a token in a file: a JWT-SVID of SPIFFE, the
    /// projected token of a Kubernetes service account. The file is read anew for every task, since
    /// its platform replaces it before the token ends.
    ///
    /// # Errors
    /// When the URL is neither `https` nor `http` on loopback, or TLS cannot be set up. What is
    /// wrong with the file, opening a task says.
    ///
    /// # Security
    /// The token is good until it ends for whoever can read the file. It is sent to the issuer
    /// alone, and what it opens is bound to a key of the task.
    pub fn with_assertion_file(url: Url, file: impl Into<PathBuf>) -> Result<Self, IssuerError> {
        let identity = Identity::AssertionFile(file.into());
        Ok(Self { vault: Arc::new(Self::build(url, identity, Vec::new())?) })
    }

    /// The same issuer, reached by a new connection for every request, which ends with the answer.
    ///
    /// An idle connection holds nonces in its buffers. With this and, behind the feature
    /// `zeroizing`, `ZeroAlloc` as the program's allocator no nonce is left in the agent's memory
    /// once its call is over. The price is a handshake for each request to issuer and broker.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn without_idle_connections(self) -> Result<Self, IssuerError> {
        let wire = self.vault.wire.without_idle_connections()?;
        Ok(self.by(wire))
    }

    /// The same issuer, which is told with its broker what trace each request belongs to: `source` is
    /// asked in the request's own span, and what it gives is sent as `traceparent` (W3C Trace
    /// Context). The issuer keeps the trace's id in its audit.
    ///
    /// With `tracing-opentelemetry`, the source asks the current span's context:
    ///
    /// ```text
    /// let issuer = HttpIssuer::from_env()?.trace_context(|| {
    ///     let context = tracing::Span::current().context();
    ///     let span = context.span().span_context().clone();
    ///     let sampled = if span.is_sampled() { Sampled::Yes } else { Sampled::No };
    ///     let (trace, span) = (span.trace_id().to_bytes(), span.span_id().to_bytes());
    ///     TraceParent::new(u128::from_be_bytes(trace), u64::from_be_bytes(span), sampled)
    /// });
    /// ```
    #[must_use]
    pub fn trace_context(
        self,
        source: impl Fn() -> Option<TraceParent> + Send + Sync + 'static,
    ) -> Self {
        let wire = self.vault.wire.traced_by(Arc::new(source));
        self.by(wire)
    }

    fn by(self, wire: ProvenWire) -> Self {
        let Vault { wire: _, url, identity, only_agent } = &*self.vault;
        let (url, identity) = (url.clone(), identity.clone());
        Self { vault: Arc::new(Vault { wire, url, identity, only_agent: only_agent.clone() }) }
    }

    fn build(
        url: Url,
        identity: Identity,
        authorities: Vec<reqwest::Certificate>,
    ) -> Result<Vault, IssuerError> {
        Ok(Vault {
            wire: ProvenWire::new(Wire::new(&url, authorities)?),
            url,
            identity,
            only_agent: None,
        })
    }
}

#[async_trait]
impl Issuer for HttpIssuer {
    async fn open_task(&self, wish: &OpenTask) -> Result<Box<dyn TaskGrant>, IssuerError> {
        let agent = &wish.agent;
        let vault = Arc::clone(&self.vault);
        if let Some(only) = vault.only_agent.as_ref().filter(|only| *only != agent) {
            return Err(IssuerError::Misconfigured(format!(
                "the agent is built as `{agent}` but AGENTCRED_AGENT_ID says `{only}`; make them the same"
            )));
        }
        let metadata = vault.discover().await?;
        let form = vault.identity.task_form(wish, &metadata.issuer).await?;
        let proof_key = SigningKey::ephemeral().map_err(|_| IssuerError::Local)?;
        let body = vault.post(&metadata.token_endpoint, &proof_key, form).await?;
        let grant = GrantAnswer::from_json(&body).map_err(|_| vault.garbled())?;
        Ok(Box::new(HttpGrant {
            session: Arc::new(Session { vault, metadata, proof_key }),
            grant: grant.token,
            expires: Instant::now() + Duration::from_secs(grant.expires_in),
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
    expires: Instant,
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
                summary: wish.summary.as_ref(),
                approval: wish.approval.as_ref(),
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

    async fn withdraw(&self, approval: &ApprovalId) -> Result<(), IssuerError> {
        self.session.revoke(withdraw_form(approval)).await
    }

    fn expires_in(&self) -> Option<Duration> {
        Some(self.expires.saturating_duration_since(Instant::now()))
    }
}

impl Session {
    async fn revoke(&self, form: Zeroizing<String>) -> Result<(), IssuerError> {
        self.vault.post(&self.metadata.revocation_endpoint, &self.proof_key, form).await.map(drop)
    }
}

fn service_url(egress: &Url, service: &ServiceName) -> Url {
    let mut url = egress.clone();
    url.set_path(&format!("{}/{service}", egress.path().trim_end_matches('/')));
    url
}
