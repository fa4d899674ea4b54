//! What operators decide: the calls that wait for a human, each approved or denied once.

use std::sync::Arc;

use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{
    AgentId, ApprovalId, CallId, OperatorName, ServiceName, TaskId, ToolName, UserId,
};
use agentcred_protocol::scope::Scope;
use http::StatusCode;
use serde::Serialize;

use super::routes::{OperatorError, json};
use super::{Operations, Operator};
use crate::approvals::{Asked, Decision, Standing, Undecidable};
use crate::audit::{About, Event};
use crate::reply::Reply;

/// A call as operators see it.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    pub(super) id: ApprovalId,
    pub(super) standing: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<OperatorName>,
    /// In seconds, since it was asked and until it expires.
    pub(super) waiting_for: u64,
    pub(super) expires_in: u64,
    pub(super) agent: AgentId,
    pub(super) task: TaskId,
    /// On whose behalf the task runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<UserId>,
    pub(super) tool: ToolName,
    pub(super) tool_call_id: CallId,
    pub(super) service: ServiceName,
    pub(super) scope: Scope,
    pub(super) args_hash: ArgumentsHash,
    /// The tool author's words, which hold what the model wrote, with hidden characters escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<String>,
}

impl Listed {
    fn of(asked: Asked, now: UnixTime) -> Self {
        let standing = match &asked.standing {
            Standing::Pending | Standing::Deciding(..) if now >= asked.expires => "expired",
            Standing::Pending | Standing::Deciding(..) => PENDING,
            Standing::Decided(decision, _) => decision.as_str(),
            Standing::Used(_) => "used",
        };
        Self {
            id: asked.id,
            standing,
            by: asked.standing.decision().map(|(_, by)| by.clone()),
            waiting_for: now.since(asked.since).as_secs(),
            expires_in: asked.expires.since(now).as_secs(),
            agent: asked.call.task.agent,
            task: asked.call.task.task,
            user: asked.call.task.user,
            tool: asked.call.tool,
            tool_call_id: asked.call.tool_call_id,
            service: asked.call.service,
            scope: asked.call.scope,
            args_hash: asked.call.args_hash,
            summary: asked.summary.map(|summary| summary.to_string()),
        }
    }

    /// Whether it can be decided.
    pub(super) fn is_pending(&self) -> bool {
        self.standing == PENDING
    }
}

const PENDING: &str = "pending";

/// All calls that wait or were decided a short while ago, the oldest first.
pub(super) async fn list(operations: &Operations) -> Result<Vec<Listed>, OperatorError> {
    let now = operations.vault.now();
    let asked = operations.vault.approvals.list(now).await?;
    Ok(asked.into_iter().map(|asked| Listed::of(asked, now)).collect())
}

/// The list, for a program.
pub(super) async fn list_json(operations: &Operations) -> Result<Reply, OperatorError> {
    #[derive(Serialize)]
    struct Answer {
        approvals: Vec<Listed>,
    }
    Ok(json(&Answer { approvals: list(operations).await? }))
}

/// What was decided, for a program.
pub(super) fn decided_json(id: &ApprovalId, decision: Decision, by: &Operator) -> Reply {
    #[derive(Serialize)]
    struct Answer<'a> {
        id: &'a ApprovalId,
        decision: &'static str,
        by: &'a OperatorName,
    }
    json(&Answer { id, decision: decision.as_str(), by: &by.name })
}

/// Decides a call: reserved for this operator, recorded, then in effect. It is carried through
/// even when the operator goes away meanwhile.
pub(super) async fn decide(
    operations: &Arc<Operations>,
    operator: &Operator,
    id: &ApprovalId,
    decision: Decision,
) -> Result<(), OperatorError> {
    let (operations, name, id) = (Arc::clone(operations), operator.name.clone(), id.clone());
    let deciding = async move { carry_through(&operations, &name, &id, decision).await };
    tokio::spawn(deciding)
        .await
        .unwrap_or_else(|_| Err(OperatorError::unavailable("the decision failed")))
}

async fn carry_through(
    operations: &Operations,
    name: &OperatorName,
    id: &ApprovalId,
    decision: Decision,
) -> Result<(), OperatorError> {
    let vault = &operations.vault;
    let call = vault.approvals.begin(id, decision, name, vault.now()).await.map_err(refuse)?;
    let event = Event::Approval {
        about: &About::from(&call),
        approval_id: id,
        decision: decision.as_str(),
        operator: Some(name),
    };
    if vault.record(event).await.is_err() {
        vault.approvals.undo(id).await?;
        let message = "the audit cannot be written, so nothing was decided; try again";
        return Err(OperatorError::unavailable(message));
    }
    vault.approvals.settle(id, vault.now()).await.map_err(|_| {
        let message = "the decision is in the audit, but the ledger cannot answer, so that it has no \
                       effect; the call's agent has to ask again";
        OperatorError::unavailable(message)
    })
}

fn refuse(undecidable: Undecidable) -> OperatorError {
    match undecidable {
        Undecidable::Unknown => OperatorError::new(
            StatusCode::NOT_FOUND,
            "unknown",
            "there is no such call; it was withdrawn, or it expired a while ago",
        ),
        Undecidable::Expired => OperatorError::new(
            StatusCode::GONE,
            "expired",
            "the call has expired; its agent has to ask again",
        ),
        Undecidable::Already(decision, by) => OperatorError {
            status: StatusCode::CONFLICT,
            error: "already_decided",
            message: format!("the call is already {} by {by}", decision.as_str()),
        },
        Undecidable::Ledger(error) => error.into(),
    }
}
