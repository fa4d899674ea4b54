//! A refusal on its way out: what the caller may know of it, and what only the audit does.

use std::time::Duration;

use agentcred_protocol::approval::PendingApproval;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::token::NoRandomness;

use crate::audit::{About, AuditError};
use crate::ledger::LedgerError;

/// A request that is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What the caller is told.
    pub(crate) code: RefusalCode,
    /// Why, for the audit alone.
    pub(crate) reason: &'static str,
    /// Whether the caller may send it again with a new nonce.
    pub(crate) is_retryable: bool,
    /// How long to wait before that, where it is known.
    pub(crate) retry_after: Option<Duration>,
    /// What was known of the caller when it was refused.
    pub(crate) about: Box<About>,
    /// That it is no refusal yet: a human must decide, and the audit has that already.
    pub(crate) pending: Option<Box<PendingApproval>>,
}

impl Refused {
    pub(crate) fn new(code: RefusalCode, reason: &'static str) -> Self {
        Self {
            code,
            reason,
            is_retryable: false,
            retry_after: None,
            about: Box::default(),
            pending: None,
        }
    }

    /// The vault side itself fails: whatever the cause, nobody gets anything.
    pub(crate) fn unavailable(reason: &'static str) -> Self {
        Self::new(RefusalCode::TemporarilyUnavailable, reason)
    }

    /// Nothing went upstream, and the cause may pass.
    pub(crate) fn retryable(mut self) -> Self {
        self.is_retryable = true;
        self
    }

    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub(crate) fn about(mut self, about: impl Into<About>) -> Self {
        *self.about = about.into();
        self
    }
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Stopped => Self::new(RefusalCode::AccessDenied, "task_stopped"),
            LedgerError::Full => Self::unavailable("ledger_full"),
            LedgerError::ShareFull => Self::new(RefusalCode::SlowDown, "too_many_of_agent"),
            LedgerError::Unreachable => Self::unavailable("ledger"),
        }
    }
}

impl From<AuditError> for Refused {
    fn from(_: AuditError) -> Self {
        Self::unavailable("audit")
    }
}

impl From<NoRandomness> for Refused {
    fn from(_: NoRandomness) -> Self {
        Self::unavailable("randomness")
    }
}
