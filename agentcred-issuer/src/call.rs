//! Who a grant or a nonce was given to and for what: the facts that ledger and audit keep.

use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::key::Thumbprint;
use agentcred_protocol::names::{AgentId, CallId, NonceId, ServiceName, TaskId, ToolName, UserId};
use agentcred_protocol::scope::Scope;
use serde::{Deserialize, Serialize};

/// One run of an agent, as its grant fixed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The agent that its key authenticated.
    pub agent: AgentId,
    /// The name that the agent gave the task.
    pub task: TaskId,
    /// On whose behalf, when it is on somebody's.
    pub user: Option<UserId>,
    /// The key that every proof of this task is made with.
    pub key: Thumbprint,
}

/// One tool call and the nonce that was minted for it. It is written into every line of the
/// audit that tells of the call, so it holds no secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// The agent.
    pub agent: AgentId,
    /// The agent's task.
    pub task: TaskId,
    /// On whose behalf, when it is on somebody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The tool.
    pub tool: ToolName,
    /// The call, by the name that the agent side gave it.
    pub tool_call_id: CallId,
    /// The hash of the call's arguments.
    pub args_hash: ArgumentsHash,
    /// The nonce's public name.
    pub nonce_id: NonceId,
    /// The service that the nonce is for.
    pub service: ServiceName,
    /// What it is good for there.
    pub scope: Scope,
}
