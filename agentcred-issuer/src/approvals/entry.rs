//! One call that waits for a human: what it is, and how far its decision is.

use agentcred_protocol::approval::{PendingApproval, Summary};
use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{ApprovalId, CallId, OperatorName, ServiceName, ToolName};
use agentcred_protocol::request::NonceRequest;
use agentcred_protocol::scope::Scope;
use agentcred_protocol::ttl::Uses;
use serde::{Deserialize, Serialize};

use super::{Asked, FETCH_TIME, POLL_INTERVAL, Unapproved, Undecidable};
use crate::audit::About;
use crate::call::Task;

/// Everything that an approval is bound to. A request that differs in any of it is another call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AskedCall {
    /// The hash by which the store knows the grant.
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
    pub(super) fn of(grant: String, task: &Task, request: &NonceRequest) -> Self {
        Self {
            grant,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A call, and everything that changes about it. Each change is tried on a copy and put into the
/// store only if nobody changed the entry meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) call: AskedCall,
    summary: Option<Summary>,
    asked: UnixTime,
    polled: UnixTime,
    pub(crate) expires: UnixTime,
    pub(crate) standing: Standing,
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
    pub(crate) fn is_pending(&self, now: UnixTime) -> bool {
        self.standing == Standing::Pending && now < self.expires
    }

    /// Whether its agent can still get an answer to it.
    pub(crate) fn is_awaited(&self, now: UnixTime) -> bool {
        !matches!(self.standing, Standing::Used(_)) && now < self.expires
    }

    /// Gives the approval to whoever asks for this very call, and says by whom it is.
    pub(super) fn take(
        &mut self,
        id: &ApprovalId,
        call: &AskedCall,
        now: UnixTime,
    ) -> Result<OperatorName, Unapproved> {
        if self.call != *call || now >= self.expires {
            return Err(Unapproved::Over);
        }
        let is_too_soon = now < self.polled + POLL_INTERVAL;
        match &self.standing {
            Standing::Decided(Decision::Denied, _) => Err(Unapproved::Denied),
            Standing::Decided(Decision::Approved, by) => {
                let by = by.clone();
                self.standing = Standing::Used(by.clone());
                Ok(by)
            }
            Standing::Used(_) => Err(Unapproved::Over),
            Standing::Pending | Standing::Deciding(..) if is_too_soon => Err(Unapproved::TooSoon),
            Standing::Pending | Standing::Deciding(..) => {
                self.polled = now;
                Err(Unapproved::Pending(self.pending(id.clone(), now)))
            }
        }
    }

    /// Takes back an approval that was taken and not used.
    pub(super) fn give_back(&mut self) {
        if let Standing::Used(by) = &self.standing {
            self.standing = Standing::Decided(Decision::Approved, by.clone());
        }
    }

    /// Reserves the decision for an operator, until it is settled.
    pub(super) fn begin(
        &mut self,
        decision: Decision,
        by: &OperatorName,
        now: UnixTime,
    ) -> Result<AskedCall, Undecidable> {
        if let Some((decision, by)) = self.standing.decision() {
            return Err(Undecidable::Already(decision, by.clone()));
        }
        if now >= self.expires {
            return Err(Undecidable::Expired);
        }
        self.standing = Standing::Deciding(decision, by.clone());
        Ok(self.call.clone())
    }

    /// Lets a decision take effect that was recorded. An approval must be fetched soon.
    pub(super) fn settle(&mut self, now: UnixTime) {
        if let Standing::Deciding(decision, by) = &self.standing {
            self.standing = Standing::Decided(*decision, by.clone());
            self.expires = now + FETCH_TIME;
        }
    }

    /// Lets the call wait on, since the decision could not be recorded.
    pub(super) fn undo(&mut self) {
        if matches!(self.standing, Standing::Deciding(..)) {
            self.standing = Standing::Pending;
        }
    }

    pub(super) fn pending(&self, id: ApprovalId, now: UnixTime) -> PendingApproval {
        PendingApproval {
            auth_req_id: id,
            interval: POLL_INTERVAL.as_secs(),
            expires_in: self.expires.since(now).as_secs(),
        }
    }

    pub(super) fn asked(self, id: ApprovalId) -> Asked {
        Asked {
            id,
            call: self.call,
            summary: self.summary,
            since: self.asked,
            expires: self.expires,
            standing: self.standing,
        }
    }
}
