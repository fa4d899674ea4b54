//! Reading the issuer's audit: which tool call got which nonce and made which requests.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use agentcred_issuer::audit::verify;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// What the audit holds of one task.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Trail {
    /// One entry for each nonce.
    pub(crate) calls: Vec<AuditedCall>,
    /// What the issuer or the broker said no to.
    pub(crate) refusals: Vec<String>,
}

/// A tool call, its nonce, and what the nonce was used for.
#[derive(Debug, Serialize)]
pub(crate) struct AuditedCall {
    pub(crate) tool: String,
    pub(crate) tool_call_id: String,
    pub(crate) nonce_id: String,
    pub(crate) service: String,
    pub(crate) scope: String,
    pub(crate) expires_in: u64,
    pub(crate) requests: Vec<AuditedRequest>,
}

/// One upstream request.
#[derive(Debug, Serialize)]
pub(crate) struct AuditedRequest {
    method: String,
    path: String,
    /// What became of it: `answered`, or why not.
    outcome: Option<String>,
    status: Option<u16>,
}

impl Trail {
    /// Reads what `file` holds of `task`, after checking that nobody changed a line of it.
    pub(crate) fn read(file: &Path, task: &str) -> anyhow::Result<Self> {
        let open = || File::open(file).map(BufReader::new).context("the audit cannot be read");
        verify(open()?).context("the audit was tampered with")?;
        let mut trail = Self::default();
        for line in open()?.lines() {
            let line: Line = serde_json::from_str(&line?).context("the audit cannot be read")?;
            if line.task.as_deref() == Some(task) {
                trail.add(line);
            }
        }
        Ok(trail)
    }

    /// How many requests left for the upstream.
    pub(crate) fn upstream_requests(&self) -> usize {
        let requests = self.calls.iter().flat_map(|call| &call.requests);
        requests.filter(|request| request.left()).count()
    }

    fn add(&mut self, line: Line) {
        let text = Option::unwrap_or_default;
        match line.event.as_str() {
            "mint" => self.calls.push(AuditedCall {
                tool: text(line.tool),
                tool_call_id: text(line.tool_call_id),
                nonce_id: text(line.nonce_id),
                service: text(line.service),
                scope: text(line.scope),
                expires_in: line.expires_in.unwrap_or_default(),
                requests: Vec::new(),
            }),
            "use" => {
                if let Some(call) = self.call(line.nonce_id.as_deref()) {
                    call.requests.push(AuditedRequest {
                        method: text(line.method),
                        path: text(line.path),
                        outcome: None,
                        status: None,
                    });
                }
            }
            "answer" => {
                let call = self.call(line.nonce_id.as_deref());
                let waiting = call.and_then(|call| {
                    call.requests.iter_mut().find(|request| request.outcome.is_none())
                });
                if let Some(request) = waiting {
                    request.outcome = line.outcome;
                    request.status = line.status;
                }
            }
            "refusal" => {
                let tool = line.tool.as_deref().unwrap_or("no tool");
                let (error, reason) = (text(line.error), text(line.reason));
                self.refusals.push(format!("{tool}: {error} ({reason})"));
            }
            _ => {}
        }
    }

    fn call(&mut self, nonce: Option<&str>) -> Option<&mut AuditedCall> {
        self.calls.iter_mut().find(|call| Some(call.nonce_id.as_str()) == nonce)
    }
}

impl AuditedCall {
    /// Its requests as text; a nonce that was not used has one line too.
    pub(crate) fn lines(&self) -> Vec<String> {
        if self.requests.is_empty() {
            return vec!["not used".to_owned()];
        }
        self.requests.iter().map(AuditedRequest::line).collect()
    }
}

impl AuditedRequest {
    /// Whether the upstream may have seen it: all but those of which the audit says that
    /// nothing was sent.
    fn left(&self) -> bool {
        !matches!(self.outcome.as_deref(), Some("unreachable" | "no_secret"))
    }

    fn line(&self) -> String {
        let Self { method, path, outcome, status } = self;
        match status {
            Some(status) => format!("{method} {path} {status}"),
            None => format!("{method} {path} {}", outcome.as_deref().unwrap_or("no answer")),
        }
    }
}

/// A line of the audit; each event has some of these.
#[derive(Deserialize)]
struct Line {
    event: String,
    task: Option<String>,
    tool: Option<String>,
    tool_call_id: Option<String>,
    nonce_id: Option<String>,
    service: Option<String>,
    scope: Option<String>,
    expires_in: Option<u64>,
    method: Option<String>,
    path: Option<String>,
    outcome: Option<String>,
    status: Option<u16>,
    error: Option<String>,
    reason: Option<String>,
}
