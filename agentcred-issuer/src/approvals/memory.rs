//! Waiting calls in this process's memory. After a restart nothing is known of them, and their
//! agents ask again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{AgentId, ApprovalId, TaskId};
use agentcred_protocol::token::GrantToken;
use async_trait::async_trait;

use super::{Added, ApprovalBounds, ApprovalStore, Entry, Kept, MOST_ENTRIES, RETENTION};
use crate::ledger::LedgerError;

/// The waiting calls of a single issuer process.
#[derive(Debug, Default)]
pub(crate) struct MemoryApprovals {
    entries: Mutex<BTreeMap<ApprovalId, Kept>>,
}

impl MemoryApprovals {
    /// No code that panics runs under the lock, so its content is whole.
    fn entries(&self) -> MutexGuard<'_, BTreeMap<ApprovalId, Kept>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ApprovalStore for MemoryApprovals {
    fn grant_hash(&self, grant: &GrantToken) -> String {
        grant.proof_hash()
    }

    async fn add(
        &self,
        id: &ApprovalId,
        entry: &Entry,
        bounds: &ApprovalBounds,
        now: UnixTime,
    ) -> Result<Added, LedgerError> {
        let mut entries = self.entries();
        entries.retain(|_, kept| now < kept.entry.expires + RETENTION);
        let is_same = |it: &Entry| it.call == entry.call && it.is_awaited(now);
        if let Some((id, kept)) = entries.iter().find(|(_, kept)| is_same(&kept.entry)) {
            return Ok(Added::Same(id.clone(), Box::new(kept.entry.clone())));
        }
        let waiting = || entries.values().filter(|kept| kept.entry.is_pending(now));
        let of_task = waiting().filter(|kept| kept.entry.call.grant == entry.call.grant).count();
        if of_task >= bounds.most_per_task
            || waiting().count() >= bounds.most
            || entries.len() >= MOST_ENTRIES
        {
            return Ok(Added::TooMany);
        }
        entries.insert(id.clone(), Kept { entry: entry.clone(), version: 0 });
        Ok(Added::New)
    }

    async fn get(&self, id: &ApprovalId) -> Result<Option<Kept>, LedgerError> {
        Ok(self.entries().get(id).cloned())
    }

    async fn replace(
        &self,
        id: &ApprovalId,
        version: i64,
        entry: Option<&Entry>,
    ) -> Result<bool, LedgerError> {
        let mut entries = self.entries();
        let Some(kept) = entries.get_mut(id).filter(|kept| kept.version == version) else {
            return Ok(false);
        };
        match entry {
            Some(entry) => *kept = Kept { entry: entry.clone(), version: version + 1 },
            None => drop(entries.remove(id)),
        }
        Ok(true)
    }

    async fn list(&self) -> Result<Vec<(ApprovalId, Entry)>, LedgerError> {
        let entries = self.entries();
        Ok(entries.iter().map(|(id, kept)| (id.clone(), kept.entry.clone())).collect())
    }

    async fn forget_grant(&self, grant: &GrantToken) -> Result<(), LedgerError> {
        let grant = self.grant_hash(grant);
        self.entries().retain(|_, kept| kept.entry.call.grant != grant);
        Ok(())
    }

    async fn forget_task(&self, agent: &AgentId, task: &TaskId) -> Result<(), LedgerError> {
        let is_of_task = |it: &Entry| it.call.task.agent == *agent && it.call.task.task == *task;
        self.entries().retain(|_, kept| !is_of_task(&kept.entry));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::approvals::suite;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn they_pass_the_suite() {
        suite::run(async || Arc::new(MemoryApprovals::default()) as _).await;
    }
}
