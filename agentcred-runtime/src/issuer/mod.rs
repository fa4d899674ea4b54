//! Where nonces come from: the trait that every kind of issuer implements.

mod http;
mod memory;

use std::time::Duration;

use agentcred_protocol::approval::{PendingApproval, Summary};
use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::names::{
    AgentId, ApprovalId, CallId, NonceId, ServiceName, TaskId, ToolName,
};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scope::Scope;
use agentcred_protocol::scrub::Scrubber;
use agentcred_protocol::ttl::{Ttl, Uses};
use agentcred_protocol::user::UserToken;
use async_trait::async_trait;

use crate::egress::{EgressRequest, EgressResponse, RequestError};

pub use http::HttpIssuer;
pub(crate) use http::{Identity, read_assertion};
pub use memory::MemoryIssuer;

/// Opens tasks at a vault side.
#[async_trait]
pub trait Issuer: Send + Sync + 'static {
    /// Opens a task of an agent: one grant, from which the task's nonces are minted.
    ///
    /// # Errors
    /// When the vault side refuses, cannot be reached or answers something else.
    async fn open_task(&self, wish: &OpenTask) -> Result<Box<dyn TaskGrant>, IssuerError>;
}

/// The task that a grant is asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenTask {
    /// The agent.
    pub agent: AgentId,
    /// Its task.
    pub task: TaskId,
    /// On whose behalf, when it is on somebody's. An issuer that cannot tell users apart must refuse it.
    pub user: Option<UserToken>,
}

impl OpenTask {
    /// A task that is on nobody's behalf.
    pub fn new(agent: AgentId, task: TaskId) -> Self {
        Self { agent, task, user: None }
    }
}

/// One open task at the vault side.
#[async_trait]
pub trait TaskGrant: Send + Sync + 'static {
    /// Mints the nonce of one call.
    ///
    /// # Errors
    /// When the vault side refuses, cannot be reached or answers something else.
    async fn mint(&self, wish: &MintRequest) -> Result<Minted, IssuerError>;

    /// Closes the task. Every nonce that was minted from it is dead afterwards.
    ///
    /// # Errors
    /// When the vault side cannot be told; the task's nonces then die by their TTL.
    async fn close(&self) -> Result<(), IssuerError>;

    /// Tells the vault side that nobody waits for an approval any more. An issuer that asks no
    /// human has nothing to do.
    ///
    /// # Errors
    /// When the vault side cannot be told; the approval then expires.
    async fn withdraw(&self, _approval: &ApprovalId) -> Result<(), IssuerError> {
        Ok(())
    }

    /// How much longer the grant lives. When little is left, the runtime opens the task again.
    /// `None` for a grant that does not end by itself.
    fn expires_in(&self) -> Option<Duration> {
        None
    }
}

/// A minted nonce as its issuer sees it: what can be done with it, without its text.
#[async_trait]
pub trait Credential: Send + Sync + 'static {
    /// Sends one upstream request by way of the broker.
    ///
    /// # Errors
    /// When the broker refuses, cannot be reached or answers something else.
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, RequestError>;

    /// Makes the nonce unusable.
    ///
    /// # Errors
    /// When the vault side cannot be told; the nonce then dies by its TTL.
    async fn revoke(&self) -> Result<(), IssuerError>;

    /// Takes the nonce, in every common encoding, out of what goes to the model.
    fn scrubber(&self) -> Scrubber;
}

/// What a nonce is asked for.
#[derive(Clone, Debug)]
pub struct MintRequest {
    /// The service.
    pub service: ServiceName,
    /// What the nonce must be good for.
    pub scope: Scope,
    /// How long it should live.
    pub ttl: Ttl,
    /// How many upstream requests it should allow.
    pub uses: Uses,
    /// The tool that is called.
    pub tool: ToolName,
    /// The call.
    pub call: CallId,
    /// The hash of the call's arguments.
    pub arguments: ArgumentsHash,
    /// What the tool says of the call to whoever must approve it.
    pub summary: Option<Summary>,
    /// The approval that the call waits for, once the issuer named one.
    pub approval: Option<ApprovalId>,
}

/// A nonce as granted, which may be less than was asked for.
pub struct Minted {
    /// The nonce's public name.
    pub id: NonceId,
    /// The service.
    pub service: ServiceName,
    /// What it is good for.
    pub scope: Scope,
    /// Its life from now.
    pub expires_in: Duration,
    /// How many upstream requests it allows.
    pub uses: Uses,
    /// What can be done with it.
    pub credential: Box<dyn Credential>,
}

/// How the wait for a human ended without a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotApproved {
    /// The call could wait no longer. It was withdrawn.
    #[error("nobody approved the call while it could wait")]
    Pending,
    /// Somebody said no.
    #[error("the call was denied by a human")]
    Denied,
    /// Nobody said anything while it could be approved.
    #[error("nobody approved the call before it expired")]
    Expired,
}

/// Why there is no grant or nonce.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// The vault side said no.
    #[error("the issuer refused: {}: {}", .0, .0.description())]
    Refused(RefusalCode),
    /// A human must approve the call first. The same request is repeated with the approval's name.
    #[error("a human must approve this call first")]
    Pending(PendingApproval),
    /// The call was not approved, however long it waited.
    #[error(transparent)]
    NotApproved(#[from] NotApproved),
    /// The issuer could not be reached in time.
    #[error(
        "the issuer at {issuer} cannot be reached; is it running, and is AGENTCRED_ISSUER right?"
    )]
    Unreachable {
        /// Scheme, host and port.
        issuer: String,
    },
    /// What answers there is not an issuer of this protocol.
    #[error("what answers at {issuer} does not speak the nonce protocol")]
    Garbled {
        /// Scheme, host and port.
        issuer: String,
    },
    /// The configuration of this side cannot work.
    #[error("{0}")]
    Misconfigured(String),
    /// This machine could not sign or draw random bytes.
    #[error("this machine could not sign the request")]
    Local,
}
