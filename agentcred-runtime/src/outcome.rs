//! What a tool call comes to, as the model is told.

use std::fmt;

use agentcred_protocol::names::CallId;
use serde::Serialize;
use serde_json::Value;

/// What goes back to the model.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum ToolOutcome {
    /// The tool's result, without any nonce.
    Output(Value),
    /// Why there is none.
    Error(ModelError),
}

impl ToolOutcome {
    /// The result.
    ///
    /// # Errors
    /// With the model's error when there is none.
    pub fn into_result(self) -> Result<Value, ModelError> {
        match self {
            Self::Output(output) => Ok(output),
            Self::Error(error) => Err(error),
        }
    }

    pub(crate) fn error_code(&self) -> Option<&'static str> {
        match self {
            Self::Output(_) => None,
            Self::Error(error) => Some(error.code.as_str()),
        }
    }
}

/// An error that the model may read: a code of a closed list, a text of our own or one that the
/// tool's author released, and the call that the log has the rest under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {message} (call {call_id})")]
pub struct ModelError {
    /// What kind of error.
    pub code: ModelErrorCode,
    /// What the model can do about it.
    pub message: String,
    /// The call.
    pub call_id: CallId,
}

/// The kinds of error that a model sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelErrorCode {
    /// There is no tool of this name.
    UnknownTool,
    /// The arguments do not fit the tool's schema. Nothing was minted.
    InvalidArguments,
    /// The policy does not grant what the tool needs. The upstream saw nothing.
    NotGranted,
    /// The issuer cannot be reached or does not answer as one.
    IssuerUnavailable,
    /// A human must approve the call and has not while it could wait. It was withdrawn.
    ApprovalPending,
    /// A human denied the call.
    ApprovalDenied,
    /// Nobody approved the call before it expired at the issuer.
    ApprovalExpired,
    /// The tool failed; the cause is in the log.
    ToolFailed,
    /// The tool took longer than it may.
    TimedOut,
    /// The task is finished, or its grant has ended.
    TaskOver,
}

impl ModelErrorCode {
    /// The code on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownTool => "unknown_tool",
            Self::InvalidArguments => "invalid_arguments",
            Self::NotGranted => "not_granted",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::ApprovalPending => "approval_pending",
            Self::ApprovalDenied => "approval_denied",
            Self::ApprovalExpired => "approval_expired",
            Self::ToolFailed => "tool_failed",
            Self::TimedOut => "timed_out",
            Self::TaskOver => "task_over",
        }
    }
}

impl fmt::Display for ModelErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
