//! Waiting calls in the database, so that it does not matter which issuer an agent or an operator
//! asks.

use std::fmt;
use std::sync::Arc;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{AgentId, ApprovalId, TaskId};
use agentcred_protocol::token::GrantToken;
use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::database::{Database, Failed, Given};
use super::{LedgerError, json, millis, parse, read, statements};
use crate::approvals::{
    Added, ApprovalBounds, ApprovalStore, Entry, Kept, MOST_ENTRIES, RETENTION, Standing,
};

/// The waiting calls of several issuers.
///
/// # Security
/// The database holds what an operator is shown: names, the arguments' hash, and the tool's own
/// summary, until ten minutes after the call is over.
pub(crate) struct PostgresApprovals {
    key: hmac::Key,
    database: Arc<Database>,
}

impl PostgresApprovals {
    pub(super) fn new(key: hmac::Key, database: Arc<Database>) -> Self {
        Self { key, database }
    }
}

#[async_trait]
impl ApprovalStore for PostgresApprovals {
    fn grant_hash(&self, grant: &GrantToken) -> String {
        URL_SAFE_NO_PAD.encode(grant.keyed_hash(&self.key).as_bytes())
    }

    async fn add(
        &self,
        id: &ApprovalId,
        entry: &Entry,
        bounds: &ApprovalBounds,
        now: UnixTime,
    ) -> Result<Added, LedgerError> {
        let most = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let call = &entry.call;
        let given: Given<'_> = &[
            &id.as_str(),
            &call.grant,
            &call.task.agent.as_str(),
            &call.task.task.as_str(),
            &json(call)?,
            &json(entry)?,
            &millis(entry.expires),
            &millis(now),
            &over(now),
            &most(bounds.most),
            &most(bounds.most_per_task),
            &most(MOST_ENTRIES),
            &self.database.epoch.key_check(),
        ];
        // When the epoch was over, there is another after the first attempt.
        for _ in 0..2 {
            let row = self.database.write(statements::ADD_APPROVAL, given).await?;
            let row = row.ok_or(Failed::Unreachable)?;
            match row.try_get(1).map_err(Failed::from)? {
                "added" => return Ok(Added::New),
                "too_many" => return Ok(Added::TooMany),
                "same" => {
                    let id: &str = row.try_get(2).map_err(Failed::from)?;
                    let id = id.parse().map_err(|_| LedgerError::Unreachable)?;
                    return Ok(Added::Same(id, Box::new(read(&row, 3)?)));
                }
                _ => self.database.settle().await?,
            }
        }
        Err(LedgerError::Unreachable)
    }

    async fn get(&self, id: &ApprovalId) -> Result<Option<Kept>, LedgerError> {
        let given: Given<'_> = &[&id.as_str(), &self.database.epoch.key_check()];
        let Some(row) = self.database.ask(statements::APPROVAL, given).await? else {
            self.database.settle().await?;
            return Ok(None);
        };
        let version = row.try_get(1).map_err(Failed::from)?;
        Ok(Some(Kept { entry: read(&row, 0)?, version }))
    }

    async fn replace(
        &self,
        id: &ApprovalId,
        version: i64,
        entry: Option<&Entry>,
    ) -> Result<bool, LedgerError> {
        let key_check = self.database.epoch.key_check();
        let row = match entry {
            None => {
                let given: Given<'_> = &[&id.as_str(), &version, &key_check];
                self.database.write(statements::WITHDRAW_APPROVAL, given).await?
            }
            Some(entry) => {
                let given: Given<'_> = &[
                    &id.as_str(),
                    &version,
                    &json(entry)?,
                    &standing(&entry.standing),
                    &millis(entry.expires),
                    &key_check,
                ];
                self.database.write(statements::CHANGE_APPROVAL, given).await?
            }
        };
        Ok(row.is_some())
    }

    async fn list(&self) -> Result<Vec<(ApprovalId, Entry)>, LedgerError> {
        let given: Given<'_> = &[&self.database.epoch.key_check()];
        let row = self.database.ask(statements::APPROVALS, given).await?;
        let list: Vec<(ApprovalId, String)> = read(&row.ok_or(Failed::Unreachable)?, 0)?;
        list.into_iter().map(|(id, entry)| Ok((id, parse(&entry)?))).collect()
    }

    async fn forget_grant(&self, grant: &GrantToken) -> Result<(), LedgerError> {
        let given: Given<'_> = &[&self.grant_hash(grant)];
        self.database.write(statements::FORGET_GRANTS_APPROVALS, given).await?;
        Ok(())
    }

    async fn forget_task(&self, agent: &AgentId, task: &TaskId) -> Result<(), LedgerError> {
        let given: Given<'_> = &[&agent.as_str(), &task.as_str()];
        self.database.write(statements::FORGET_TASKS_APPROVALS, given).await?;
        Ok(())
    }
}

/// Before when an entry must be over for nobody to be shown it any more.
pub(super) fn over(now: UnixTime) -> i64 {
    millis(now).saturating_sub(i64::try_from(RETENTION.as_millis()).unwrap_or(i64::MAX))
}

/// As much of it as the database decides by.
fn standing(standing: &Standing) -> &'static str {
    match standing {
        Standing::Pending => "pending",
        Standing::Deciding(..) | Standing::Decided(..) => "decided",
        Standing::Used(_) => "used",
    }
}

impl fmt::Debug for PostgresApprovals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresApprovals").finish_non_exhaustive()
    }
}
