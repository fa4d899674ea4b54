//! What the audit tells of: one record per decision, without any value of a query, body or key.

use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{
    AgentId, ApprovalId, CallId, NonceId, OperatorName, ServiceName, TaskId, ToolName, UserId,
};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scope::Scope;
use agentcred_protocol::trace::TraceId;
use serde::Serialize;

use super::AuditError;
use crate::call::{Call, Task};
use crate::strangers::Dropped;

/// One entry of the audit, as the JSON object that is kept.
#[derive(Debug)]
pub struct Record {
    json: String,
    time: UnixTime,
    replica: Option<String>,
}

impl Event<'_> {
    /// The refusals that have no line of their own.
    pub(crate) fn of_dropped(dropped: &Dropped) -> Result<Self, AuditError> {
        let (from, to) = (rfc_3339(dropped.from)?, rfc_3339(dropped.to)?);
        Ok(Self::RefusalsDropped { count: dropped.count, from, to })
    }

    /// Whether it is the refusal of a caller of whom nothing is known.
    pub(crate) fn is_refusal_of_stranger(&self) -> bool {
        matches!(self, Self::Refusal { about, .. } if about.is_nobody())
    }
}

impl Record {
    /// The record as one line of JSON.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// A record of one of several issuers bears its name.
    pub(crate) fn new(
        time: UnixTime,
        replica: Option<&str>,
        event: &Event<'_>,
    ) -> Result<Self, AuditError> {
        serde_json::to_string(&Timed { time: rfc_3339(time)?, replica, event })
            .map(|json| Self { json, time, replica: replica.map(str::to_owned) })
            .map_err(|_| AuditError)
    }

    /// A record of what happens with the audit itself when this one is written.
    pub(super) fn beside(&self, event: &Event<'_>) -> Result<Self, AuditError> {
        Self::new(self.time, self.replica.as_deref(), event)
    }
}

#[derive(Serialize)]
struct Timed<'a> {
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<&'a str>,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

/// RFC 3339, in milliseconds.
fn rfc_3339(time: UnixTime) -> Result<String, AuditError> {
    let millis = i64::try_from(time.millis()).map_err(|_| AuditError)?;
    let time = jiff::Timestamp::from_millisecond(millis).map_err(|_| AuditError)?;
    Ok(format!("{time:.3}"))
}

/// A decision.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    /// The issuer starts. Nonces of other epochs are dead.
    Start { epoch: &'a str },
    /// The audit can be written again, after a time in which it could not be. What was to be
    /// decided meanwhile was refused.
    Resume,
    /// The file is full. This is its last line, and it is kept under this name.
    Rotate { kept_as: &'a str },
    /// The file goes on after the one that is kept under this name.
    Continue { after: &'a str },
    /// The policy is replaced, at a signal or by an operator.
    Reload {
        policy: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        operator: Option<&'a OperatorName>,
    },
    /// A task grant is handed out.
    Task {
        agent: &'a AgentId,
        /// The workload that the agent runs as, when a platform vouches for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<&'a str>,
        task: &'a TaskId,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<&'a UserId>,
        expires_in: u64,
    },
    /// A nonce is handed out.
    Mint {
        #[serde(flatten)]
        call: &'a Call,
        expires_in: u64,
        num_uses: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        approval_id: Option<&'a ApprovalId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        approved_by: Option<&'a OperatorName>,
        /// The trace that the caller named.
        #[serde(skip_serializing_if = "Option::is_none")]
        trace_id: Option<TraceId>,
    },
    /// A call waits for a human.
    ApprovalRequest {
        #[serde(flatten)]
        about: &'a About,
        approval_id: &'a ApprovalId,
        expires_in: u64,
    },
    /// A human decided, or the agent waits no more.
    Approval {
        #[serde(flatten)]
        about: &'a About,
        approval_id: &'a ApprovalId,
        decision: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        operator: Option<&'a OperatorName>,
    },
    /// A request is about to leave for the upstream.
    Use {
        #[serde(flatten)]
        call: &'a Call,
        method: &'static str,
        path: &'a str,
        /// Why the same request leaves a second time.
        #[serde(skip_serializing_if = "Option::is_none")]
        again: Option<Again>,
        /// The trace that the caller named.
        #[serde(skip_serializing_if = "Option::is_none")]
        trace_id: Option<TraceId>,
    },
    /// What became of that request.
    Answer {
        #[serde(flatten)]
        call: &'a Call,
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// A resource server is told what a nonce is good for.
    Introspect {
        #[serde(flatten)]
        call: &'a Call,
        by: &'a str,
    },
    /// A resource server spends a use of a nonce.
    Consume {
        #[serde(flatten)]
        call: &'a Call,
        by: &'a str,
    },
    /// A nonce or a task is revoked.
    Revoke {
        #[serde(flatten)]
        about: &'a About,
        /// How many live nonces died.
        nonces: usize,
        /// Who did it, when it was no agent.
        #[serde(skip_serializing_if = "Option::is_none")]
        operator: Option<&'a OperatorName>,
    },
    /// Refusals of callers who proved nothing, beyond those that have a line each: how many, and
    /// when the first and the last of them were.
    RefusalsDropped { count: u64, from: String, to: String },
    /// Somebody is told no.
    Refusal {
        at: Endpoint,
        error: RefusalCode,
        reason: &'static str,
        #[serde(flatten)]
        about: &'a About,
        #[serde(skip_serializing_if = "Option::is_none")]
        method: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<&'a str>,
    },
}

/// Why the broker itself sends a request a second time. It never sends one again that could
/// change anything.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Again {
    /// The upstream refused the key, and there is a newer one.
    NewKey,
    /// It went over a kept connection that the upstream had closed, and nothing came back.
    NewConnection,
}

/// What became of a request to an upstream.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It answered.
    Answered { status: u16 },
    /// No connection was made; nothing was sent, and the use was given back.
    Unreachable,
    /// The real key could not be had; nothing was sent, and the use was given back.
    NoSecret,
    /// The upstream failed or was busy a moment ago; nothing was sent, and the use was given
    /// back.
    HeldBack,
    /// The request was sent, wholly or in part, and no answer came.
    Lost,
    /// The caller broke off in the middle of a body that was passed on while it arrived, or was
    /// cut off there: the upstream has a part of it, which is no whole request.
    CutOff,
}

/// Where a refusal was spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Endpoint {
    Token,
    Revoke,
    Introspect,
    Consume,
    Broker,
    Operators,
}

impl Endpoint {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::Introspect => "introspect",
            Self::Consume => "consume",
            Self::Broker => "broker",
            Self::Operators => "operators",
        }
    }
}

/// What is known of a caller. Only what was authenticated, or was named by somebody who was,
/// stands here.
#[derive(Debug, Default, Serialize)]
pub(crate) struct About {
    /// The resource server that asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<AgentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool: Option<ToolName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool_call_id: Option<CallId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) args_hash: Option<ArgumentsHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nonce_id: Option<NonceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<ServiceName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Scope>,
}

impl About {
    /// Whether the caller proved nothing, and named nothing that is known.
    fn is_nobody(&self) -> bool {
        self.agent.is_none() && self.by.is_none()
    }
}

impl From<&Call> for About {
    fn from(call: &Call) -> Self {
        let call = call.clone();
        Self {
            by: None,
            agent: Some(call.agent),
            task: Some(call.task),
            user: call.user,
            tool: Some(call.tool),
            tool_call_id: Some(call.tool_call_id),
            args_hash: Some(call.args_hash),
            nonce_id: Some(call.nonce_id),
            service: Some(call.service),
            scope: Some(call.scope),
        }
    }
}

impl From<&Task> for About {
    fn from(task: &Task) -> Self {
        Self {
            agent: Some(task.agent.clone()),
            task: Some(task.task.clone()),
            user: task.user.clone(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_flat_object() {
        let about = About { agent: Some("billing".parse().unwrap()), ..About::default() };
        let event = Event::Refusal {
            at: Endpoint::Token,
            error: RefusalCode::InvalidScope,
            reason: "scope_not_granted",
            about: &about,
            method: None,
            path: None,
        };
        let record =
            Record::new(UnixTime::from_millis(1_800_000_000_007), Some("a"), &event).unwrap();
        assert_eq!(
            record.as_json(),
            r#"{"time":"2027-01-15T08:00:00.007Z","replica":"a","event":"refusal","at":"token","error":"invalid_scope","reason":"scope_not_granted","agent":"billing"}"#
        );
    }
}
