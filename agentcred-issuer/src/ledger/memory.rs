//! A ledger in this process's memory: one lock, keyed hashes, gone with the process.

#[cfg(all(test, shuttle))]
mod model;
mod state;

use std::collections::HashSet;
use std::fmt;
use std::sync::PoisonError;
#[cfg(not(shuttle))]
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{AgentId, NonceId, TaskId};
use agentcred_protocol::token::{GrantToken, NoRandomness, NonceToken};
use async_trait::async_trait;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

// The lock of the model checker: see `model`.
#[cfg(shuttle)]
use shuttle::sync::{Mutex, MutexGuard};

use self::state::{Entry, NonceEntry, State, TaskEntry};
use super::{
    Freshness, KnownNonce, Ledger, LedgerError, MintError, NewNonce, OneTimeId, STOPPED_FOR,
    Spending, Standing, StoppedTask,
};
use crate::call::{Call, Task};
use crate::replay::Replay;

/// The ledger of a single issuer process.
///
/// # Security
/// Tokens are kept as HMAC-SHA-256 under a key that is drawn when the ledger is made and lives
/// nowhere else. A new process has another key, so that nothing minted before it is accepted.
pub struct MemoryLedger {
    key: hmac::Key,
    epoch: String,
    state: Mutex<State>,
    ids: Replay,
}

impl MemoryLedger {
    /// An empty ledger with a key of its own.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn new(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        random.fill(key.as_mut()).map_err(|_| NoRandomness)?;
        let mut epoch = [0; 9];
        random.fill(&mut epoch).map_err(|_| NoRandomness)?;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            epoch: URL_SAFE_NO_PAD.encode(epoch),
            state: Mutex::default(),
            ids: Replay::holding(MOST_IDS),
        })
    }

    /// Every change of state is made in one go that cannot panic half-way, so a poisoned lock
    /// still guards a sound state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    fn epoch(&self) -> String {
        self.epoch.clone()
    }

    async fn open_task(
        &self,
        grant: &GrantToken,
        task: Task,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<(), LedgerError> {
        let hash = grant.keyed_hash(&self.key);
        let mut state = self.state();
        state.forget(now);
        // Owned, as a pair of borrowed names is no key of the set.
        if state.stopped.contains(&(task.agent.clone(), task.task.clone())) {
            return Err(LedgerError::Stopped);
        }
        if state.tasks.len() >= MOST_TASKS {
            return Err(LedgerError::Full);
        }
        let held = state.held.entry(task.agent.clone()).or_default();
        if held.tasks >= MOST_TASKS / SHARES {
            return Err(LedgerError::ShareFull);
        }
        held.tasks += 1;
        let (minted, live) = (HashSet::new(), HashSet::new());
        let entry = TaskEntry { task, expires, is_revoked: false, minted, live };
        state.tasks.insert(hash, entry);
        state.ends.entry(expires + RETENTION).or_default().push(Entry::Task(hash));
        Ok(())
    }

    async fn task(&self, grant: &GrantToken, now: UnixTime) -> Result<Option<Task>, LedgerError> {
        let hash = grant.keyed_hash(&self.key);
        Ok(self.state().open_task(hash, now).map(|entry| entry.task.clone()))
    }

    async fn add_nonce(
        &self,
        grant: &GrantToken,
        nonce: &NonceToken,
        entry: NewNonce,
        most: usize,
        now: UnixTime,
    ) -> Result<(), MintError> {
        let grant = grant.keyed_hash(&self.key);
        let hash = nonce.keyed_hash(&self.key);
        let mut state = self.state();
        state.forget(now);
        if state.nonces.len() >= MOST_NONCES {
            return Err(LedgerError::Full.into());
        }
        let State { tasks, nonces, held, ends, .. } = &mut *state;
        let owner =
            tasks.get_mut(&grant).filter(|it| it.is_open(now)).ok_or(MintError::TaskOver)?;
        if owner.live.len() >= most {
            // The expired ones may not have been forgotten yet.
            owner.live.retain(|hash| nonces.get(hash).is_some_and(|it| now < it.expires));
            if owner.live.len() >= most {
                return Err(MintError::TooMany);
            }
        }
        let held = held.entry(owner.task.agent.clone()).or_default();
        if held.nonces >= MOST_NONCES / SHARES {
            return Err(LedgerError::ShareFull.into());
        }
        held.nonces += 1;
        owner.minted.insert(hash);
        owner.live.insert(hash);
        let expires = entry.expires.min(owner.expires);
        let (task, uses_left) = (owner.task.clone(), entry.uses.count());
        let is_revoked = false;
        nonces.insert(
            hash,
            NonceEntry { call: entry.call, grant, task, expires, uses_left, is_revoked },
        );
        ends.entry(expires + RETENTION).or_default().push(Entry::Nonce(hash));
        Ok(())
    }

    async fn find(
        &self,
        nonce: &NonceToken,
        now: UnixTime,
    ) -> Result<Option<KnownNonce>, LedgerError> {
        let hash = nonce.keyed_hash(&self.key);
        Ok(self.state().nonces.get(&hash).map(|entry| KnownNonce {
            call: entry.call.clone(),
            task: entry.task.clone(),
            standing: entry.standing(now),
        }))
    }

    async fn spend(&self, nonce: &NonceToken, now: UnixTime) -> Result<Spending, LedgerError> {
        let hash = nonce.keyed_hash(&self.key);
        let mut state = self.state();
        let State { tasks, nonces, .. } = &mut *state;
        let Some(entry) = nonces.get_mut(&hash) else { return Ok(Spending::Unknown) };
        match entry.standing(now) {
            Standing::Live => {
                entry.uses_left -= 1;
                if entry.uses_left == 0
                    && let Some(owner) = tasks.get_mut(&entry.grant)
                {
                    owner.live.remove(&hash);
                }
                Ok(Spending::Spent)
            }
            dead => Ok(Spending::Refused(dead)),
        }
    }

    async fn give_back(&self, nonce: &NonceToken) -> Result<(), LedgerError> {
        let hash = nonce.keyed_hash(&self.key);
        let mut state = self.state();
        let State { tasks, nonces, .. } = &mut *state;
        if let Some(entry) = nonces.get_mut(&hash)
            && !entry.is_revoked
        {
            entry.uses_left += 1;
            if let Some(owner) = tasks.get_mut(&entry.grant) {
                owner.live.insert(hash);
            }
        }
        Ok(())
    }

    async fn revoke_nonce(
        &self,
        nonce: &NonceToken,
        now: UnixTime,
    ) -> Result<Option<Call>, LedgerError> {
        let hash = nonce.keyed_hash(&self.key);
        Ok(self.state().revoke_nonce(hash, now))
    }

    async fn revoke_nonce_named(
        &self,
        nonce: &NonceId,
        now: UnixTime,
    ) -> Result<Option<Call>, LedgerError> {
        let mut state = self.state();
        // An operator does this now and then; an index would cost every call of every agent.
        let named = state.nonces.iter().find(|(_, entry)| entry.call.nonce_id == *nonce);
        let Some(hash) = named.map(|(hash, _)| *hash) else { return Ok(None) };
        Ok(state.revoke_nonce(hash, now))
    }

    async fn revoke_task(
        &self,
        grant: &GrantToken,
        now: UnixTime,
    ) -> Result<Option<(Task, usize)>, LedgerError> {
        let hash = grant.keyed_hash(&self.key);
        Ok(self.state().revoke_task(hash, now))
    }

    async fn stop_task(
        &self,
        agent: &AgentId,
        task: &TaskId,
        now: UnixTime,
    ) -> Result<StoppedTask, LedgerError> {
        let mut state = self.state();
        state.forget(now);
        if state.stopped.insert((agent.clone(), task.clone())) {
            let end = Entry::Stopped(agent.clone(), task.clone());
            state.ends.entry(now + STOPPED_FOR).or_default().push(end);
        }
        let is_of_task = |it: &TaskEntry| it.task.agent == *agent && it.task.task == *task;
        let grants: Vec<_> =
            state.tasks.iter().filter(|(_, it)| is_of_task(it)).map(|(hash, _)| *hash).collect();
        let mut stopped = StoppedTask::default();
        for hash in grants {
            if let Some((_, nonces)) = state.revoke_task(hash, now) {
                stopped.grants += 1;
                stopped.nonces += nonces;
            }
        }
        Ok(stopped)
    }

    async fn spend_id(
        &self,
        id: OneTimeId,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<Freshness, LedgerError> {
        self.ids.spend(id, expires, now)
    }
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLedger").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// How long the dead are remembered, so that the audit can name a nonce that comes too late.
const RETENTION: Duration = Duration::from_mins(1);

/// As much as fits into a few hundred megabytes.
const MOST_TASKS: usize = 100_000;
const MOST_NONCES: usize = 1_000_000;
const MOST_IDS: usize = 1_000_000;

/// One agent may take this part of the room, so that it cannot keep the others out alone.
const SHARES: usize = 2;

#[cfg(test)]
mod tests {
    use super::state::Held;
    use super::*;
    use crate::ledger::suite;
    use aws_lc_rs::rand::SystemRandom;

    fn ledger() -> MemoryLedger {
        MemoryLedger::new(&SystemRandom::new()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn it_passes_the_suite() {
        suite::run(async || ledger()).await;
    }

    #[tokio::test]
    async fn a_new_ledger_knows_nothing_of_the_old() {
        let (old, new) = (ledger(), ledger());
        let minted = suite::mint(&old, 1).await;
        assert_ne!(old.epoch(), new.epoch());
        assert!(new.find(&minted.nonce, suite::NOW).await.unwrap().is_none());
        assert!(new.task(&minted.grant, suite::NOW).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_expired_is_forgotten() {
        let ledger = ledger();
        suite::mint(&ledger, 1).await;
        let later = suite::NOW + Duration::from_hours(25);
        ledger.state().forget(later);
        let state = ledger.state();
        assert!(state.tasks.is_empty() && state.nonces.is_empty() && state.ends.is_empty());
        assert!(state.held.is_empty());
    }

    #[tokio::test]
    async fn an_agent_takes_its_share_and_leaves_the_rest_to_others() {
        let (ledger, agent) = (ledger(), suite::task().agent);
        let minted = suite::mint(&ledger, 1).await;
        let other = Task { agent: "reports".parse().unwrap(), ..suite::task() };
        let share = Held { tasks: MOST_TASKS / SHARES, nonces: MOST_NONCES / SHARES };
        ledger.state().held.insert(agent, share);
        let grant = GrantToken::mint(&SystemRandom::new()).unwrap();
        let later = suite::NOW + Duration::from_mins(1);
        let open = async |task| ledger.open_task(&grant, task, later, suite::NOW).await;
        assert_eq!(open(suite::task()).await, Err(LedgerError::ShareFull));
        assert_eq!(open(other).await, Ok(()));
        let add = async |grant| suite::add_at(&ledger, grant, 1, usize::MAX, suite::NOW).await;
        let refused = add(&minted.grant).await.unwrap_err();
        assert_eq!(refused, MintError::Ledger(LedgerError::ShareFull));
        assert!(add(&grant).await.is_ok());
        // What was forgotten makes room again.
        ledger.state().forget(later + Duration::from_mins(10));
        assert!(add(&minted.grant).await.is_ok());
    }
}
