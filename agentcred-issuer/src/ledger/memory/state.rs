//! What a memory ledger holds under its lock, and the changes that are made in one go.

use std::collections::{BTreeMap, HashMap, HashSet};

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{AgentId, TaskId};
use agentcred_protocol::token::KeyedHash;

use crate::call::{Call, Task};
use crate::ledger::Standing;

#[derive(Default)]
pub(super) struct State {
    pub(super) tasks: HashMap<KeyedHash, TaskEntry>,
    pub(super) nonces: HashMap<KeyedHash, NonceEntry>,
    /// How much of it each agent takes, as long as it takes any.
    pub(super) held: HashMap<AgentId, Held>,
    /// Tasks that an operator stopped.
    pub(super) stopped: HashSet<(AgentId, TaskId)>,
    /// What to forget, and when.
    pub(super) ends: BTreeMap<UnixTime, Vec<Entry>>,
}

#[derive(Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) tasks: usize,
    pub(super) nonces: usize,
}

pub(super) enum Entry {
    Task(KeyedHash),
    Nonce(KeyedHash),
    Stopped(AgentId, TaskId),
}

pub(super) struct TaskEntry {
    pub(super) task: Task,
    pub(super) expires: UnixTime,
    pub(super) is_revoked: bool,
    /// All its nonces that are not forgotten yet.
    pub(super) minted: HashSet<KeyedHash>,
    /// Those with uses left, expired ones among them.
    pub(super) live: HashSet<KeyedHash>,
}

pub(super) struct NonceEntry {
    pub(super) call: Call,
    pub(super) grant: KeyedHash,
    pub(super) task: Task,
    pub(super) expires: UnixTime,
    pub(super) uses_left: u32,
    pub(super) is_revoked: bool,
}

impl NonceEntry {
    pub(super) fn standing(&self, now: UnixTime) -> Standing {
        if self.is_revoked {
            Standing::Revoked
        } else if now >= self.expires {
            Standing::Expired
        } else if self.uses_left == 0 {
            Standing::Spent
        } else {
            Standing::Live
        }
    }
}

impl TaskEntry {
    pub(super) fn is_open(&self, now: UnixTime) -> bool {
        !self.is_revoked && now < self.expires
    }
}

impl State {
    pub(super) fn open_task(&self, hash: KeyedHash, now: UnixTime) -> Option<&TaskEntry> {
        self.tasks.get(&hash).filter(|entry| entry.is_open(now))
    }

    pub(super) fn revoke_nonce(&mut self, hash: KeyedHash, now: UnixTime) -> Option<Call> {
        let entry = self.nonces.get_mut(&hash)?;
        let was = entry.standing(now);
        entry.is_revoked = true;
        if let Some(owner) = self.tasks.get_mut(&entry.grant) {
            owner.live.remove(&hash);
        }
        (was == Standing::Live).then(|| entry.call.clone())
    }

    pub(super) fn revoke_task(&mut self, hash: KeyedHash, now: UnixTime) -> Option<(Task, usize)> {
        let Self { tasks, nonces, .. } = self;
        let owner = tasks.get_mut(&hash)?;
        let was_open = owner.is_open(now);
        owner.is_revoked = true;
        let mut killed = 0;
        // Spent nonces are not live, but one of them may be given a use back.
        for hash in &owner.minted {
            let Some(entry) = nonces.get_mut(hash) else { continue };
            killed += usize::from(entry.standing(now) == Standing::Live);
            entry.is_revoked = true;
        }
        owner.live.clear();
        was_open.then(|| (owner.task.clone(), killed))
    }

    pub(super) fn forget(&mut self, now: UnixTime) {
        while let Some(first) = self.ends.first_entry()
            && *first.key() <= now
        {
            for entry in first.remove() {
                match entry {
                    Entry::Task(hash) => {
                        let Some(task) = self.tasks.remove(&hash) else { continue };
                        self.release(&task.task.agent, |held| &mut held.tasks);
                    }
                    Entry::Stopped(agent, task) => drop(self.stopped.remove(&(agent, task))),
                    Entry::Nonce(hash) => {
                        let Some(nonce) = self.nonces.remove(&hash) else { continue };
                        self.release(&nonce.task.agent, |held| &mut held.nonces);
                        if let Some(owner) = self.tasks.get_mut(&nonce.grant) {
                            owner.minted.remove(&hash);
                            owner.live.remove(&hash);
                        }
                    }
                }
            }
        }
    }

    /// Makes room again in an agent's share.
    fn release(&mut self, agent: &AgentId, of: impl Fn(&mut Held) -> &mut usize) {
        let Some(held) = self.held.get_mut(agent) else { return };
        let count = of(held);
        *count = count.saturating_sub(1);
        if *held == Held::default() {
            self.held.remove(agent);
        }
    }
}
