//! The end of a run: the answer, the audit, and whether the job is done.

use std::io::Write as _;

use anyhow::{anyhow, bail};
use rig_agent::agent::PromptResponse;
use rig_agent::completion::PromptError;
use serde_json::json;

use super::conversation::{Call, Conversation};
use super::vault::Account;

/// All that is known when the model is done.
pub(crate) struct Report {
    pub(crate) question: String,
    pub(crate) model: String,
    pub(crate) offline: bool,
    pub(crate) task: String,
    pub(crate) answer: Result<PromptResponse, PromptError>,
    pub(crate) calls: Vec<Call>,
    pub(crate) account: Option<Account>,
}

impl Report {
    /// Prints the report.
    ///
    /// # Errors
    /// When the job failed: no answer, or one that a tool call without a nonce or a broken audit
    /// stands behind.
    pub(crate) fn print(&self, conversation: &Conversation, as_json: bool) -> anyhow::Result<()> {
        let verdict = self.verdict();
        if as_json {
            let error = verdict.as_ref().err().map(ToString::to_string);
            writeln!(std::io::stdout(), "{:#}", self.json(error.as_deref()))?;
            return verdict;
        }
        conversation.show(|screen| {
            if let Ok(answer) = &self.answer {
                screen.answer(&answer.output());
            }
            match &self.account {
                Some(account) => screen.trail(&account.trail, account.sandbox_requests),
                None => screen.remark(&format!(
                    "the issuer keeps the audit; look there for task {}",
                    self.task
                )),
            }
        });
        verdict
    }

    fn json(&self, error: Option<&str>) -> serde_json::Value {
        json!({
            "question": self.question,
            "model": self.model,
            "offline": self.offline,
            "task": self.task,
            "answer": self.answer.as_ref().ok().map(PromptResponse::output),
            "error": error,
            "calls": self.calls,
            "audit": self.account.as_ref().map(|account| json!({
                "calls": account.trail.calls,
                "refusals": account.trail.refusals,
                "upstream_requests": account.trail.upstream_requests(),
            })),
            "sandbox_requests": self.account.as_ref().and_then(|account| account.sandbox_requests),
        })
    }

    fn verdict(&self) -> anyhow::Result<()> {
        if let Err(error) = &self.answer {
            return Err(anyhow!("{}", plain(&error.to_string())));
        }
        if let Some((call, error)) = self.lasting_failure() {
            bail!("{} failed: {error}", call.tool);
        }
        match &self.account {
            Some(Account { trail, sandbox_requests: Some(seen) })
                if trail.upstream_requests() != *seen =>
            {
                let audited = trail.upstream_requests();
                bail!("the audit has {audited} upstream requests, the sandbox counted {seen}")
            }
            _ => Ok(()),
        }
    }

    /// A call that failed for a reason that no model can mend, and that no later call of the
    /// same tool made good.
    fn lasting_failure(&self) -> Option<(&Call, String)> {
        self.calls.iter().enumerate().find_map(|(at, call)| {
            let code = call.error.as_deref()?;
            let message = call.result["message"].as_str().unwrap_or_default();
            let mendable = MENDABLE.contains(&code) || (code == FAILED && message != UNSAID);
            let mut later = self.calls[at..].iter();
            let made_good = later.any(|later| later.tool == call.tool && later.error.is_none());
            (!mendable && !made_good).then(|| (call, format!("{message} ({code})")))
        })
    }
}

/// The reason without rig's name for its kind.
fn plain(error: &str) -> &str {
    error.strip_prefix("ProviderError: ").unwrap_or(error)
}

/// Errors that a model reads and acts on: it may answer well all the same. So it may when a
/// tool failed and its author said why; else the text is [`UNSAID`].
const MENDABLE: [&str; 2] = ["invalid_arguments", "unknown_tool"];
const FAILED: &str = "tool_failed";
const UNSAID: &str = "the tool failed";
