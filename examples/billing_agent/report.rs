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

#[cfg(test)]
mod tests {
    use rig_core::completion::Usage;
    use serde_json::Value;

    use super::super::audit::Trail;
    use super::*;

    fn report(calls: Vec<Call>) -> Report {
        Report {
            question: "?".to_owned(),
            model: "a model".to_owned(),
            offline: false,
            task: "task-1".to_owned(),
            answer: Ok(PromptResponse::new("an answer", Usage::default())),
            calls,
            account: None,
        }
    }

    fn call(tool: &str, failed: Option<(&str, &str)>) -> Call {
        Call {
            tool: tool.to_owned(),
            arguments: Value::Null,
            id: None,
            nonces: Vec::new(),
            requests: Vec::new(),
            result: failed.map_or(Value::Null, |(_, message)| json!({ "message": message })),
            error: failed.map(|(code, _)| code.to_owned()),
        }
    }

    #[test]
    fn an_answer_without_its_credentials_is_a_failed_job() {
        let down = call("sum_owed", Some(("issuer_unavailable", "try again later")));
        let error = report(vec![down.clone()]).verdict().unwrap_err().to_string();
        assert_eq!(error, "sum_owed failed: try again later (issuer_unavailable)");
        assert!(report(vec![down, call("sum_owed", None)]).verdict().is_ok());
        let hidden = call("sum_owed", Some(("tool_failed", "the tool failed")));
        assert!(report(vec![hidden]).verdict().is_err());
    }

    #[test]
    fn what_a_tool_says_to_the_model_fails_no_job() {
        let said = call("refund_charge", Some(("tool_failed", "already refunded")));
        let mended = call("sum_owed", Some(("invalid_arguments", "customer is missing")));
        assert!(report(vec![said, mended]).verdict().is_ok());
    }

    #[test]
    fn an_audit_that_misses_a_request_fails_the_job() {
        let counted = |seen| {
            let account = Account { trail: Trail::default(), sandbox_requests: Some(seen) };
            Report { account: Some(account), ..report(Vec::new()) }
        };
        assert!(counted(0).verdict().is_ok());
        let error = counted(1).verdict().unwrap_err().to_string();
        assert_eq!(error, "the audit has 0 upstream requests, the sandbox counted 1");
    }
}
