//! Approvals: calls that wait for a human, each decided once and good for one nonce.
//!
//! They are kept in this process. After a restart nothing that was asked or approved before is
//! known, and the agent asks again.

mod entry;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::approval::{PendingApproval, Summary};
use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{AgentId, ApprovalId, OperatorName, TaskId};

use entry::Entry;
pub(crate) use entry::{AskedCall, Decision, Standing};

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
#[derive(Debug)]
pub(crate) struct Approvals {
    bounds: ApprovalBounds,
    entries: Mutex<BTreeMap<ApprovalId, Entry>>,
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

/// As many calls wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

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
}

/// Why a decision was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undecidable {
    Unknown,
    Expired,
    Already(Decision, OperatorName),
}

impl Approvals {
    pub(crate) fn new(bounds: ApprovalBounds) -> Self {
        Self { bounds, entries: Mutex::default() }
    }

    /// Asks for an approval, under `id` unless the very call waits already. The second value says
    /// whether it is new.
    pub(crate) fn ask(
        &self,
        id: ApprovalId,
        call: AskedCall,
        summary: Option<Summary>,
        now: UnixTime,
    ) -> Result<(PendingApproval, bool), TooMany> {
        let mut entries = self.entries();
        entries.retain(|_, entry| now < entry.expires + RETENTION);
        let same = entries.iter().find(|(_, it)| it.call == call && it.is_awaited(now));
        if let Some((id, entry)) = same {
            return Ok((entry.pending(id.clone(), now), false));
        }
        let waiting = || entries.values().filter(|it| it.is_pending(now));
        let of_task = waiting().filter(|it| it.call.grant == call.grant).count();
        if of_task >= self.bounds.most_per_task
            || waiting().count() >= self.bounds.most
            || entries.len() >= MOST_ENTRIES
        {
            return Err(TooMany);
        }
        let entry = Entry::new(call, summary, now, now + self.bounds.life);
        let pending = entry.pending(id.clone(), now);
        entries.insert(id, entry);
        Ok((pending, true))
    }

    /// Takes the approval of a call. It is this caller's alone until it is used or dropped.
    pub(crate) fn take(
        &self,
        id: &ApprovalId,
        call: &AskedCall,
        now: UnixTime,
    ) -> Result<Approved<'_>, Unapproved> {
        let mut entries = self.entries();
        let entry = entries.get_mut(id).filter(|it| it.call == *call).ok_or(Unapproved::Over)?;
        if now >= entry.expires {
            return Err(Unapproved::Over);
        }
        let is_too_soon = now < entry.polled + POLL_INTERVAL;
        match &entry.standing {
            Standing::Decided(Decision::Denied, _) => Err(Unapproved::Denied),
            Standing::Decided(Decision::Approved, by) => {
                let by = by.clone();
                entry.standing = Standing::Used(by.clone());
                Ok(Approved { approvals: self, id: id.clone(), by, is_used: false })
            }
            Standing::Used(_) => Err(Unapproved::Over),
            Standing::Pending | Standing::Deciding(..) if is_too_soon => Err(Unapproved::TooSoon),
            Standing::Pending | Standing::Deciding(..) => {
                entry.polled = now;
                Err(Unapproved::Pending(entry.pending(id.clone(), now)))
            }
        }
    }

    /// Reserves the decision of a call for an operator, until it is settled.
    pub(crate) fn begin(
        &self,
        id: &ApprovalId,
        decision: Decision,
        by: &OperatorName,
        now: UnixTime,
    ) -> Result<AskedCall, Undecidable> {
        let mut entries = self.entries();
        let entry = entries.get_mut(id).ok_or(Undecidable::Unknown)?;
        if let Some((decision, by)) = entry.standing.decision() {
            return Err(Undecidable::Already(decision, by.clone()));
        }
        if now >= entry.expires {
            return Err(Undecidable::Expired);
        }
        entry.standing = Standing::Deciding(decision, by.clone());
        Ok(entry.call.clone())
    }

    /// Lets a decision take effect that was recorded. An approval must be fetched soon.
    pub(crate) fn settle(&self, id: &ApprovalId, now: UnixTime) {
        if let Some(entry) = self.entries().get_mut(id)
            && let Standing::Deciding(decision, by) = &entry.standing
        {
            entry.standing = Standing::Decided(*decision, by.clone());
            entry.expires = now + FETCH_TIME;
        }
    }

    /// Lets the call wait on, since the decision could not be recorded.
    pub(crate) fn undo(&self, id: &ApprovalId) {
        if let Some(entry) = self.entries().get_mut(id)
            && matches!(entry.standing, Standing::Deciding(..))
        {
            entry.standing = Standing::Pending;
        }
    }

    /// Forgets a call that its agent does not wait for any more.
    pub(crate) fn withdraw(&self, id: &ApprovalId, now: UnixTime) -> Option<AskedCall> {
        let mut entries = self.entries();
        entries.get(id).filter(|it| it.is_awaited(now))?;
        entries.remove(id).map(|entry| entry.call)
    }

    /// Forgets every call of a grant.
    pub(crate) fn withdraw_grant(&self, grant: &str) {
        self.entries().retain(|_, entry| entry.call.grant != grant);
    }

    /// Forgets every call of a task.
    pub(crate) fn withdraw_task(&self, agent: &AgentId, task: &TaskId) {
        let is_of_task = |it: &AskedCall| it.task.agent == *agent && it.task.task == *task;
        self.entries().retain(|_, entry| !is_of_task(&entry.call));
    }

    /// All calls that wait or were decided a short while ago, the oldest first.
    pub(crate) fn list(&self, now: UnixTime) -> Vec<Asked> {
        let mut list: Vec<_> = self
            .entries()
            .iter()
            .filter(|(_, entry)| now < entry.expires + RETENTION)
            .map(|(id, entry)| entry.asked(id.clone()))
            .collect();
        list.sort_by_key(|asked| asked.since);
        list
    }

    /// No code that panics runs under the lock, so its content is whole.
    fn entries(&self) -> MutexGuard<'_, BTreeMap<ApprovalId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An approval in the hands of the one request that mints with it. Dropped unused, it can be taken
/// again.
#[derive(Debug)]
#[must_use = "an approval is used up when its nonce is minted"]
pub(crate) struct Approved<'a> {
    approvals: &'a Approvals,
    id: ApprovalId,
    by: OperatorName,
    is_used: bool,
}

impl Approved<'_> {
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
        self.is_used = true;
    }
}

impl Drop for Approved<'_> {
    fn drop(&mut self) {
        if self.is_used {
            return;
        }
        if let Some(entry) = self.approvals.entries().get_mut(&self.id) {
            entry.standing = Standing::Decided(Decision::Approved, self.by.clone());
        }
    }
}

/// How often an agent may ask, as CIBA's `interval`.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// How long an approval waits for its agent, which asks every few seconds.
const FETCH_TIME: Duration = Duration::from_mins(1);

/// How long an operator can see what became of a call.
const RETENTION: Duration = Duration::from_mins(10);

/// In all, with those that were decided: a few megabytes.
const MOST_ENTRIES: usize = 10_000;
