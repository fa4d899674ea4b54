//! One call that waits for a human: what it is, and how far its decision is.

use agentcred_protocol::approval::{PendingApproval, Summary};
use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{ApprovalId, CallId, OperatorName, ServiceName, ToolName};
use agentcred_protocol::request::NonceRequest;
use agentcred_protocol::scope::Scope;
use agentcred_protocol::ttl::Uses;

use super::{Asked, POLL_INTERVAL};
use crate::audit::About;
use crate::call::Task;

/// Everything that an approval is bound to. A request that differs in any of it is another call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AskedCall {
    /// A hash of the grant.
    pub(crate) grant: String,
    pub(crate) task: Task,
    pub(crate) tool: ToolName,
    pub(crate) tool_call_id: CallId,
    pub(crate) args_hash: ArgumentsHash,
    pub(crate) service: ServiceName,
    pub(crate) scope: Scope,
    pub(crate) uses: Uses,
}

impl AskedCall {
    pub(crate) fn of(task: &Task, request: &NonceRequest) -> Self {
        Self {
            grant: request.grant.proof_hash(),
            task: task.clone(),
            tool: request.call.tool.clone(),
            tool_call_id: request.call.tool_call_id.clone(),
            args_hash: request.call.args_hash.clone(),
            service: request.service.clone(),
            scope: request.scope.clone(),
            uses: request.call.num_uses,
        }
    }
}

impl From<&AskedCall> for About {
    fn from(call: &AskedCall) -> Self {
        Self {
            tool: Some(call.tool.clone()),
            tool_call_id: Some(call.tool_call_id.clone()),
            args_hash: Some(call.args_hash.clone()),
            service: Some(call.service.clone()),
            scope: Some(call.scope.clone()),
            ..Self::from(&call.task)
        }
    }
}

/// What a human says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Approved,
    Denied,
}

impl Decision {
    /// The word for it in the audit and to operators.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
        }
    }
}

/// How far a call's decision is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Pending,
    /// It is being recorded and has no effect yet.
    Deciding(Decision, OperatorName),
    Decided(Decision, OperatorName),
    /// It was approved and its nonce is minted.
    Used(OperatorName),
}

impl Standing {
    /// What was decided, and by whom.
    pub(crate) fn decision(&self) -> Option<(Decision, &OperatorName)> {
        match self {
            Self::Pending => None,
            Self::Deciding(decision, by) | Self::Decided(decision, by) => Some((*decision, by)),
            Self::Used(by) => Some((Decision::Approved, by)),
        }
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) call: AskedCall,
    summary: Option<Summary>,
    asked: UnixTime,
    pub(super) polled: UnixTime,
    pub(super) expires: UnixTime,
    pub(super) standing: Standing,
}

impl Entry {
    pub(super) fn new(
        call: AskedCall,
        summary: Option<Summary>,
        now: UnixTime,
        expires: UnixTime,
    ) -> Self {
        Self { call, summary, asked: now, polled: now, expires, standing: Standing::Pending }
    }

    /// Whether an operator can still decide it.
    pub(super) fn is_pending(&self, now: UnixTime) -> bool {
        self.standing == Standing::Pending && now < self.expires
    }

    /// Whether its agent can still get an answer to it.
    pub(super) fn is_awaited(&self, now: UnixTime) -> bool {
        !matches!(self.standing, Standing::Used(_)) && now < self.expires
    }

    pub(super) fn pending(&self, id: ApprovalId, now: UnixTime) -> PendingApproval {
        PendingApproval {
            auth_req_id: id,
            interval: POLL_INTERVAL.as_secs(),
            expires_in: self.expires.since(now).as_secs(),
        }
    }

    pub(super) fn asked(&self, id: ApprovalId) -> Asked {
        Asked {
            id,
            call: self.call.clone(),
            summary: self.summary.clone(),
            since: self.asked,
            expires: self.expires,
            standing: self.standing.clone(),
        }
    }
}
