//! The ledger: which grants and nonces exist, and how often each nonce may still be used.

mod memory;
mod postgres;
#[cfg(test)]
pub(crate) mod suite;

use std::fmt::Debug;
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{AgentId, NonceId, TaskId};
use agentcred_protocol::token::{GrantToken, NonceToken};
use agentcred_protocol::ttl::Uses;
use async_trait::async_trait;

use crate::call::{Call, Task};

pub use crate::replay::OneTimeId;
pub use memory::MemoryLedger;
pub use postgres::{Migrated, PostgresError, PostgresLedger, begin_epoch, migrate};

/// Keeps grants and nonces.
///
/// An implementation keeps keyed hashes of tokens and never the tokens. Each method is atomic:
/// its answer decides, and no caller reads first and writes then. Whenever a write may have
/// been lost, as after a restart, all that was minted before must be unknown.
///
/// A grant or nonce is dead from its expiry on, not only after it.
#[async_trait]
pub trait Ledger: Debug + Send + Sync + 'static {
    /// Names this incarnation of the ledger. Nonces of another one are unknown here.
    fn epoch(&self) -> String;

    /// Remembers a task and its grant until `expires`.
    ///
    /// # Errors
    /// When the task was stopped, or the ledger cannot be reached or holds as much as it can.
    async fn open_task(
        &self,
        grant: &GrantToken,
        task: Task,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<(), LedgerError>;

    /// The task of a grant, as long as it is neither expired nor revoked.
    ///
    /// # Errors
    /// When the ledger cannot be reached.
    async fn task(&self, grant: &GrantToken, now: UnixTime) -> Result<Option<Task>, LedgerError>;

    /// Remembers a nonce that was minted from a grant. It lives no longer than the grant.
    ///
    /// # Errors
    /// When the task is over, has `most` live nonces already, or the ledger cannot be reached.
    async fn add_nonce(
        &self,
        grant: &GrantToken,
        nonce: &NonceToken,
        entry: NewNonce,
        most: usize,
        now: UnixTime,
    ) -> Result<(), MintError>;

    /// What is known of a nonce, dead or alive. A nonce that expired long ago is unknown.
    ///
    /// # Errors
    /// When the ledger cannot be reached.
    async fn find(
        &self,
        nonce: &NonceToken,
        now: UnixTime,
    ) -> Result<Option<KnownNonce>, LedgerError>;

    /// Spends one use of a nonce. However many spend at once, no more succeed than the nonce
    /// has uses.
    ///
    /// # Errors
    /// When the ledger cannot be reached.
    async fn spend(&self, nonce: &NonceToken, now: UnixTime) -> Result<Spending, LedgerError>;

    /// Gives a spent use back because nothing went upstream. A nonce that was revoked or
    /// expired since stays dead.
    ///
    /// # Errors
    /// When the ledger cannot be reached.
    async fn give_back(&self, nonce: &NonceToken) -> Result<(), LedgerError>;

    /// Kills a nonce. Gives its call when this is what killed it.
    ///
    /// # Errors
    /// When the ledger cannot be reached.
    async fn revoke_nonce(
        &self,
        nonce: &NonceToken,
        now: UnixTime,
    ) -> Result<Option<Call>, LedgerError>;

    /// Kills a nonce by its public name. Gives its call when this is what killed it.
    ///
    /// # Errors
    /// When the ledger cannot be reached.
    async fn revoke_nonce_named(
        &self,
        nonce: &NonceId,
        now: UnixTime,
    ) -> Result<Option<Call>, LedgerError>;

    /// Kills every grant of a task, with all that was minted from them, and lets the task not be
    /// opened again for as long as a grant of it could have lived.
    ///
    /// # Errors
    /// When the ledger cannot be reached.
    async fn stop_task(
        &self,
        agent: &AgentId,
        task: &TaskId,
        now: UnixTime,
    ) -> Result<StoppedTask, LedgerError>;

    /// Kills a grant and every nonce minted from it. Gives the task when this is what ended
    /// it, with the number of live nonces that died with it.
    ///
    /// # Errors
    /// When the ledger cannot be reached.
    async fn revoke_task(
        &self,
        grant: &GrantToken,
        now: UnixTime,
    ) -> Result<Option<(Task, usize)>, LedgerError>;

    /// Remembers an id that is good once, until `expires`. However many come with it at once,
    /// it is new for one of them.
    ///
    /// # Errors
    /// When the ledger cannot be reached or holds as many ids as it can.
    async fn spend_id(
        &self,
        id: OneTimeId,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<Freshness, LedgerError>;
}

/// How long a stopped task cannot be opened again: longer than any grant lives.
pub const STOPPED_FOR: Duration = Duration::from_hours(24);

/// What ended with a task that was stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoppedTask {
    /// How many open grants it had.
    pub grants: usize,
    /// How many live nonces.
    pub nonces: usize,
}

/// A nonce to be remembered.
#[derive(Clone, Debug)]
pub struct NewNonce {
    /// What it is for.
    pub call: Call,
    /// How many upstream requests it allows.
    pub uses: Uses,
    /// From when on it is dead.
    pub expires: UnixTime,
}

/// A nonce that the ledger knows.
#[derive(Clone, Debug)]
pub struct KnownNonce {
    /// What it is for.
    pub call: Call,
    /// The task that it was minted in, with the key that proofs must be made with.
    pub task: Task,
    /// Whether it is good for anything.
    pub standing: Standing,
}

/// Whether a nonce is good for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has at least one use left.
    Live,
    /// All its uses are spent.
    Spent,
    /// Its time is over, or that of its task.
    Expired,
    /// It was revoked, or its task was.
    Revoked,
}

impl Standing {
    /// The word for it in the audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Spent => "spent",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// What became of an attempt to spend a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "only a use that was spent may go upstream"]
pub enum Spending {
    /// The use is this caller's and nobody else's.
    Spent,
    /// There was no use to spend.
    Refused(Standing),
    /// There is no such nonce.
    Unknown,
}

/// Whether an id that is good once was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what carries an id that was seen must be refused"]
pub enum Freshness {
    /// It is this caller's.
    New,
    /// Somebody came with it before.
    Seen,
}

/// The ledger cannot answer; nothing is granted while it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// It cannot be reached. Try again later.
    #[error("the ledger cannot be reached")]
    Unreachable,
    /// An operator stopped the task. Open one of another name.
    #[error("the task was stopped")]
    Stopped,
    /// It holds as many tasks, nonces or ids as it can. Wait until some expire.
    #[error("the ledger is full")]
    Full,
    /// The agent holds as many tasks or nonces as one agent may. Wait until some expire.
    #[error("the agent has its share of the ledger")]
    ShareFull,
}

/// Why a nonce was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The grant is unknown, expired or revoked. Open a new task.
    #[error("the task is over")]
    TaskOver,
    /// The task has as many live nonces as it may. Use or revoke some, or wait.
    #[error("the task has too many live nonces")]
    TooMany,
    /// The ledger cannot answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
