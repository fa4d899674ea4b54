//! The audit: one record for every decision, durable before the decision takes effect.

mod chain;
mod event;
mod file;
mod files;
mod verify;

use std::fmt::Debug;

use async_trait::async_trait;

pub use chain::{Broken, Cause, Verified, verify};
pub use event::Record;
pub(crate) use event::{About, Again, Endpoint, Event, Outcome};
pub use file::{FileAudit, OpenError};
pub use files::audit_files;
pub use verify::{Flaw, VerifiedAudit, verify_files};

/// Keeps the audit.
#[async_trait]
pub trait AuditLog: Debug + Send + Sync + 'static {
    /// Appends a record and returns when it would survive a loss of power.
    ///
    /// # Errors
    /// When that cannot be had, or not in time. What was to be done must not be done then.
    async fn append(&self, record: Record) -> Result<(), AuditError>;
}

/// The audit cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit cannot be written")]
pub struct AuditError;
