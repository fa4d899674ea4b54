//! Where the calls that wait for a human are kept.

use std::fmt;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{AgentId, ApprovalId, TaskId};
use agentcred_protocol::token::GrantToken;
use async_trait::async_trait;

use super::{ApprovalBounds, Entry};
use crate::ledger::LedgerError;

/// Keeps entries, and lets one be changed only by who knows it as it is.
#[async_trait]
pub(crate) trait ApprovalStore: fmt::Debug + Send + Sync {
    /// The hash by which it knows a grant.
    fn grant_hash(&self, grant: &GrantToken) -> String;

    /// Adds an entry, unless its very call is awaited already or too many wait.
    async fn add(
        &self,
        id: &ApprovalId,
        entry: &Entry,
        bounds: &ApprovalBounds,
        now: UnixTime,
    ) -> Result<Added, LedgerError>;

    /// The entry of that name.
    async fn get(&self, id: &ApprovalId) -> Result<Option<Kept>, LedgerError>;

    /// Puts an entry in the place of that version, or nothing. Gives whether it was still that
    /// version.
    async fn replace(
        &self,
        id: &ApprovalId,
        version: i64,
        entry: Option<&Entry>,
    ) -> Result<bool, LedgerError>;

    /// All entries, those among them that are over.
    async fn list(&self) -> Result<Vec<(ApprovalId, Entry)>, LedgerError>;

    /// Forgets every call of a grant.
    async fn forget_grant(&self, grant: &GrantToken) -> Result<(), LedgerError>;

    /// Forgets every call of a task.
    async fn forget_task(&self, agent: &AgentId, task: &TaskId) -> Result<(), LedgerError>;
}

/// An entry, and which of its versions it is.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) entry: Entry,
    pub(crate) version: i64,
}

/// What became of an entry that was to be added.
#[derive(Debug)]
pub(crate) enum Added {
    New,
    /// The same call waits under another name.
    Same(ApprovalId, Box<Entry>),
    TooMany,
}
