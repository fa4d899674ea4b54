//! An operator's revocation: by the names that audit and list show, since nobody has the tokens.

use agentcred_protocol::names::{AgentId, NonceId, TaskId};
use serde::{Deserialize, Serialize};

use super::routes::{OperatorError, json};
use super::{Operations, Operator};
use crate::audit::{About, Event};
use crate::ledger::StoppedTask;
use crate::reply::Reply;

/// What is to end.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Named {
    Nonce(NamedNonce),
    Task(NamedTask),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedNonce {
    nonce_id: NonceId,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedTask {
    agent: AgentId,
    task: TaskId,
}

/// What ended.
#[derive(Debug, Serialize)]
struct Ended {
    grants: usize,
    nonces: usize,
}

/// Ends a nonce, or a task for good: its agent cannot open it again, as it could after its own
/// revocation. As there, this takes effect before it is recorded.
pub(super) async fn revoke(
    operations: &Operations,
    operator: &Operator,
    named: Named,
) -> Result<Reply, OperatorError> {
    let vault = &operations.vault;
    let now = vault.now();
    let (about, ended) = match named {
        Named::Nonce(NamedNonce { nonce_id }) => {
            match vault.ledger.revoke_nonce_named(&nonce_id, now).await? {
                Some(call) => (About::from(&call), Ended { grants: 0, nonces: 1 }),
                None => return Ok(json(&Ended { grants: 0, nonces: 0 })),
            }
        }
        Named::Task(NamedTask { agent, task }) => {
            let stopped = vault.ledger.stop_task(&agent, &task, now).await?;
            vault.approvals.withdraw_task(&agent, &task).await;
            let StoppedTask { grants, nonces } = stopped;
            let about = About { agent: Some(agent), task: Some(task), ..About::default() };
            (about, Ended { grants, nonces })
        }
    };
    let event =
        Event::Revoke { about: &about, nonces: ended.nonces, operator: Some(&operator.name) };
    vault.record(event).await.map_err(|_| {
        OperatorError::unavailable("it is revoked, but the audit cannot be written")
    })?;
    Ok(json(&ended))
}
