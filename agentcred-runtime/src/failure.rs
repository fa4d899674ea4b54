//! Why a call failed: all of it for the log, and what of it the model may read.

use std::time::Duration;

use agentcred_protocol::names::{AgentId, CallId, NameError, ServiceName};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scope::Scope;
use agentcred_protocol::scrub::Scrubber;

use crate::argument_error::ArgumentError;
use crate::error::ToolError;
use crate::issuer::{IssuerError, NotApproved};
use crate::outcome::{ModelError, ModelErrorCode, ToolOutcome};
use crate::panics::ToolPanic;
use crate::redact;

/// A failed call.
pub(crate) enum Failure {
    UnknownTool,
    Arguments(ArgumentError),
    NotGranted {
        service: ServiceName,
        scope: Scope,
        code: RefusalCode,
    },
    Issuer(IssuerError),
    Definition(NameError),
    Tool(ToolError),
    /// A panic of the tool's code.
    Panicked(ToolPanic),
    /// A failure of the tool in words that are free of nonces.
    Told(Told),
    TimedOut(Duration),
    TaskOver,
}

/// What a tool failed with, without nonces.
pub(crate) struct Told {
    /// The whole chain of causes, or the panic, for the log.
    log: String,
    /// What the tool's author released for the model.
    model: Option<String>,
}

impl Failure {
    /// Takes the call's nonces out of all words of the tool, those for the log too.
    pub(crate) fn redacted(self, scrubbers: &[Scrubber]) -> Self {
        let clean = |text: String| redact::text(scrubbers, text);
        match self {
            Self::Tool(error) => Self::Told(Told {
                log: clean(format!("{error:?}")),
                model: error.visible_text().map(str::to_owned).map(clean),
            }),
            Self::Panicked(ToolPanic { place, text }) => {
                Self::Told(Told { log: clean(format!("panicked at {place}: {text}")), model: None })
            }
            failure => failure,
        }
    }

    /// Logs the failure whole and gives the model its part.
    pub(crate) fn into_outcome(self, agent: &AgentId, tool: &str, call: &CallId) -> ToolOutcome {
        let (code, message) = match self {
            Self::UnknownTool => {
                (ModelErrorCode::UnknownTool, "there is no tool of this name".to_owned())
            }
            Self::Arguments(error) => (ModelErrorCode::InvalidArguments, error.to_string()),
            Self::NotGranted { service, scope, code } => {
                let message = format!(
                    "the policy does not grant `{scope}` on `{service}` to agent `{agent}`"
                );
                tracing::warn!(tool, call_id = %call, %code, "{message}");
                (ModelErrorCode::NotGranted, message)
            }
            Self::Issuer(IssuerError::NotApproved(cause)) => {
                tracing::warn!(tool, call_id = %call, "no nonce: {cause}");
                let (code, message) = not_approved(cause);
                (code, message.to_owned())
            }
            Self::Issuer(error) => {
                tracing::error!(tool, call_id = %call, "no nonce: {error}");
                (
                    ModelErrorCode::IssuerUnavailable,
                    "the credential for this call could not be obtained; try again later"
                        .to_owned(),
                )
            }
            Self::Definition(error) => {
                tracing::error!(tool, call_id = %call, "the tool's declaration is not valid: {error}");
                (ModelErrorCode::ToolFailed, FAILED.to_owned())
            }
            Self::Told(Told { log, model }) => {
                tracing::error!(tool, call_id = %call, error = log, "the tool failed");
                (ModelErrorCode::ToolFailed, model.unwrap_or_else(|| FAILED.to_owned()))
            }
            // Whoever ran the tool has the nonces to take out; without that, nothing is told.
            Self::Tool(_) | Self::Panicked(_) => {
                tracing::error!(tool, call_id = %call, "the tool failed");
                (ModelErrorCode::ToolFailed, FAILED.to_owned())
            }
            Self::TimedOut(limit) => {
                tracing::error!(tool, call_id = %call, limit_seconds = limit.as_secs_f64(), "the tool took too long");
                (ModelErrorCode::TimedOut, "the tool took too long".to_owned())
            }
            Self::TaskOver => (
                ModelErrorCode::TaskOver,
                "the task is over; no more tools can be called in it".to_owned(),
            ),
        };
        ToolOutcome::Error(ModelError { code, message, call_id: call.clone() })
    }
}

fn not_approved(cause: NotApproved) -> (ModelErrorCode, &'static str) {
    match cause {
        NotApproved::Pending => (
            ModelErrorCode::ApprovalPending,
            "a person must approve this call and has not answered in time; nothing was done, and \
             the request for approval was withdrawn",
        ),
        NotApproved::Denied => (
            ModelErrorCode::ApprovalDenied,
            "a person denied this call; nothing was done, and it should not be tried again",
        ),
        NotApproved::Expired => {
            (ModelErrorCode::ApprovalExpired, "nobody approved this call in time; nothing was done")
        }
    }
}

/// The model learns that the tool failed; the cause is in the log, under the call's id.
const FAILED: &str = "the tool failed";

impl From<ArgumentError> for Failure {
    fn from(error: ArgumentError) -> Self {
        Self::Arguments(error)
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::Definition(error)
    }
}
