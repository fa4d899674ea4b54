//! Approvals: calls that wait for a human, each decided once and good for one nonce.
//!
//! They are kept where the ledger is: in this process, or in the database that issuers share.

mod entry;
mod memory;
mod store;
#[cfg(test)]
pub(crate) mod suite;

use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::approval::{PendingApproval, Summary};
use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{AgentId, ApprovalId, OperatorName, TaskId};
use agentcred_protocol::request::NonceRequest;
use agentcred_protocol::token::GrantToken;
use tokio::runtime::Handle;

use crate::call::Task;
use crate::ledger::LedgerError;
pub(crate) use entry::{AskedCall, Decision, Entry, Standing};
pub(crate) use memory::MemoryApprovals;
pub(crate) use store::{Added, ApprovalStore, Kept};

/// What the configuration says of approvals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ApprovalBounds {
    /// How long a human has for a decision.
    pub(crate) life: Duration,
    /// How many calls may wait at a time.
    pub(crate) most: usize,
    /// How many of one task.
    pub(crate) most_per_task: usize,
}

/// All calls that wait or were decided a short while ago.
#[derive(Clone, Debug)]
pub(crate) struct Approvals {
    bounds: ApprovalBounds,
    store: Arc<dyn ApprovalStore>,
}

/// A call as an operator sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: ApprovalId,
    pub(crate) call: AskedCall,
    pub(crate) summary: Option<Summary>,
    pub(crate) since: UnixTime,
    pub(crate) expires: UnixTime,
    pub(crate) standing: Standing,
}

/// Why nobody is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// As many calls wait as may.
    TooMany,
    Ledger(LedgerError),
}

/// Why there is no nonce for a call that needs an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unapproved {
    /// Nobody decided yet.
    Pending(PendingApproval),
    /// It was asked sooner than the interval allows.
    TooSoon,
    /// A human said no.
    Denied,
    /// It is unknown, expired, used, or for another call.
    Over,
    Ledger(LedgerError),
}

/// Why a decision was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undecidable {
    Unknown,
    Expired,
    Already(Decision, OperatorName),
    Ledger(LedgerError),
}

impl Approvals {
    pub(crate) fn new(bounds: ApprovalBounds, store: Arc<dyn ApprovalStore>) -> Self {
        Self { bounds, store }
    }

    /// The call that a request is for.
    pub(crate) fn call(&self, task: &Task, request: &NonceRequest) -> AskedCall {
        AskedCall::of(self.store.grant_hash(&request.grant), task, request)
    }

    /// Asks for an approval, under `id` unless the very call waits already. The second value says
    /// whether it is new.
    pub(crate) async fn ask(
        &self,
        id: ApprovalId,
        call: AskedCall,
        summary: Option<Summary>,
        now: UnixTime,
    ) -> Result<(PendingApproval, bool), Unasked> {
        let entry = Entry::new(call, summary, now, now + self.bounds.life);
        match self.store.add(&id, &entry, &self.bounds, now).await.map_err(Unasked::Ledger)? {
            Added::New => Ok((entry.pending(id, now), true)),
            Added::Same(id, entry) => Ok((entry.pending(id, now), false)),
            Added::TooMany => Err(Unasked::TooMany),
        }
    }

    /// Takes the approval of a call. It is this caller's alone until it is used or given back.
    pub(crate) async fn take(
        &self,
        id: &ApprovalId,
        call: &AskedCall,
        now: UnixTime,
    ) -> Result<Approved, Unapproved> {
        let taken = self.change(id, |entry| entry.take(id, call, now)).await;
        let by = taken.map_err(Unapproved::Ledger)?.unwrap_or(Err(Unapproved::Over))?;
        Ok(Approved { approvals: self.clone(), id: id.clone(), by, is_open: true })
    }

    /// Reserves the decision of a call for an operator, until it is settled.
    pub(crate) async fn begin(
        &self,
        id: &ApprovalId,
        decision: Decision,
        by: &OperatorName,
        now: UnixTime,
    ) -> Result<AskedCall, Undecidable> {
        let begun = self.change(id, |entry| entry.begin(decision, by, now)).await;
        begun.map_err(Undecidable::Ledger)?.unwrap_or(Err(Undecidable::Unknown))
    }

    /// Lets a decision take effect that was recorded. An approval must be fetched soon.
    pub(crate) async fn settle(&self, id: &ApprovalId, now: UnixTime) -> Result<(), LedgerError> {
        self.change(id, |entry| entry.settle(now)).await.map(|_| ())
    }

    /// Lets the call wait on, since the decision could not be recorded.
    pub(crate) async fn undo(&self, id: &ApprovalId) -> Result<(), LedgerError> {
        self.change(id, Entry::undo).await.map(|_| ())
    }

    /// Forgets a call that its agent does not wait for any more.
    pub(crate) async fn withdraw(
        &self,
        id: &ApprovalId,
        now: UnixTime,
    ) -> Result<Option<AskedCall>, LedgerError> {
        for _ in 0..MOST_TRIES {
            let kept = self.store.get(id).await?.filter(|kept| kept.entry.is_awaited(now));
            let Some(Kept { entry, version }) = kept else { return Ok(None) };
            if self.store.replace(id, version, None).await? {
                return Ok(Some(entry.call));
            }
        }
        Err(LedgerError::Unreachable)
    }

    /// Forgets every call of a grant that was revoked. One that stays is of no use to anybody and
    /// expires.
    pub(crate) async fn withdraw_grant(&self, grant: &GrantToken) {
        warn_of(self.store.forget_grant(grant).await);
    }

    /// The same for every grant of a task.
    pub(crate) async fn withdraw_task(&self, agent: &AgentId, task: &TaskId) {
        warn_of(self.store.forget_task(agent, task).await);
    }

    /// All calls that wait or were decided a short while ago, the oldest first.
    pub(crate) async fn list(&self, now: UnixTime) -> Result<Vec<Asked>, LedgerError> {
        let mut list = self.store.list().await?;
        list.retain(|(_, entry)| now < entry.expires + RETENTION);
        let mut list: Vec<_> = list.into_iter().map(|(id, entry)| entry.asked(id)).collect();
        list.sort_by_key(|asked| asked.since);
        Ok(list)
    }

    /// Makes a change, once more whenever somebody else made one in between. None when there is
    /// no such entry.
    async fn change<T>(
        &self,
        id: &ApprovalId,
        change: impl Fn(&mut Entry) -> T,
    ) -> Result<Option<T>, LedgerError> {
        for _ in 0..MOST_TRIES {
            let Some(Kept { entry, version }) = self.store.get(id).await? else { return Ok(None) };
            let mut changed = entry.clone();
            let outcome = change(&mut changed);
            if changed == entry || self.store.replace(id, version, Some(&changed)).await? {
                return Ok(Some(outcome));
            }
        }
        tracing::error!("an approval is changed by too many at once");
        Err(LedgerError::Unreachable)
    }
}

/// An approval in the hands of the one request that mints with it.
#[derive(Debug)]
#[must_use = "an approval is used up when its nonce is minted, or else given back"]
pub(crate) struct Approved {
    approvals: Approvals,
    id: ApprovalId,
    by: OperatorName,
    is_open: bool,
}

impl Approved {
    /// The approval's name.
    pub(crate) fn id(&self) -> &ApprovalId {
        &self.id
    }

    /// Who approved.
    pub(crate) fn by(&self) -> &OperatorName {
        &self.by
    }

    /// The nonce is minted: there will be no second one.
    pub(crate) fn use_up(mut self) {
        self.is_open = false;
    }

    /// There is no nonce: it can be taken again.
    pub(crate) async fn give_back(mut self) {
        self.is_open = false;
        give_back(&self.approvals, &self.id).await;
    }
}

impl Drop for Approved {
    /// For a request that ends in the middle.
    fn drop(&mut self) {
        if self.is_open
            && let Ok(runtime) = Handle::try_current()
        {
            let (approvals, id) = (self.approvals.clone(), self.id.clone());
            runtime.spawn(async move { give_back(&approvals, &id).await });
        }
    }
}

fn warn_of(forgotten: Result<(), LedgerError>) {
    if let Err(error) = forgotten {
        tracing::warn!(%error, "calls of a revoked task still wait for approval");
    }
}

async fn give_back(approvals: &Approvals, id: &ApprovalId) {
    // If it fails, the call needs another approval.
    if let Err(error) = approvals.change(id, Entry::give_back).await {
        tracing::error!(%error, "an approval could not be given back");
    }
}

/// How often an agent may ask, as CIBA's `interval`.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// How long an approval waits for its agent, which asks every few seconds.
const FETCH_TIME: Duration = Duration::from_mins(1);

/// How long an operator can see what became of a call.
pub(crate) const RETENTION: Duration = Duration::from_mins(10);

/// In all, with those that were decided: a few megabytes.
pub(crate) const MOST_ENTRIES: usize = 10_000;

/// How often a change is tried when others change the same entry.
const MOST_TRIES: usize = 100;
