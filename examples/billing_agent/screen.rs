//! The conversation on a terminal; without one, the same text without colours.

use std::io::Write;

use serde_json::Value;

use super::audit::Trail;
use super::conversation::{Call, NonceSeen, RequestSeen};

/// Where the conversation is written. A line that cannot be written is lost, and nothing else.
pub(crate) struct Screen(Box<dyn Write + Send>);

impl Screen {
    /// Standard output, with colours only where a person sees them: not in a file or a pipe,
    /// not with `NO_COLOR`.
    pub(crate) fn stdout() -> Self {
        Self(Box::new(anstream::stdout()))
    }

    pub(crate) fn opening(&mut self, agent: &str, model: &str, vault: &str, question: &str) {
        self.line(&format!("{BOLD}{agent}{END} {DIM}· {model}{END}"));
        self.line(&format!("{DIM}{vault}{END}"));
        self.line("");
        self.said("you", question);
    }

    pub(crate) fn call(&mut self, call: &Call) {
        let Call { tool, arguments, .. } = call;
        self.line(&format!("{CYAN}tool {END}  {tool} {}", shortened(&arguments.to_string())));
    }

    pub(crate) fn nonce(&mut self, nonce: &NonceSeen) {
        let NonceSeen { id, service, scope, ttl_seconds, uses } = nonce;
        let uses = if *uses == 1 { "1 use".to_owned() } else { format!("{uses} uses") };
        self.line(&format!("{DIM}       {id}  {service} {scope}  {ttl_seconds} s  {uses}{END}"));
    }

    pub(crate) fn request(&mut self, request: &RequestSeen) {
        let RequestSeen { method, path, status, .. } = request;
        self.line(&format!("{DIM}       {method} {path}  {status}{END}"));
    }

    pub(crate) fn result(&mut self, result: &Value, failed: bool) {
        let colour = if failed { RED } else { DIM };
        let count = match result {
            Value::Array(items) if items.len() > 1 => format!("{} items ", items.len()),
            _ => String::new(),
        };
        self.line(&format!("{colour}       = {count}{}{END}", shortened(&result.to_string())));
    }

    pub(crate) fn answer(&mut self, answer: &str) {
        self.line("");
        self.said("agent", answer);
    }

    /// What the issuer's audit holds of this run.
    pub(crate) fn trail(&mut self, trail: &Trail, sandbox: Option<usize>) {
        self.line("");
        let calls = counted(trail.calls.len(), "nonce");
        let requests = counted(trail.upstream_requests(), "upstream request");
        let counted =
            sandbox.map_or_else(String::new, |seen| format!(", the sandbox counted {seen}"));
        self.line(&format!("{BOLD}audit{END}  {calls}, {requests}{counted}"));
        for call in &trail.calls {
            for request in call.lines() {
                let (tool, id, nonce) = (&call.tool, &call.tool_call_id, &call.nonce_id);
                self.line(&format!("{DIM}       {tool} {id} → {nonce} → {request}{END}"));
            }
        }
        for refusal in &trail.refusals {
            self.line(&format!("{RED}       refused: {refusal}{END}"));
        }
    }

    pub(crate) fn remark(&mut self, text: &str) {
        self.line("");
        self.line(&format!("{DIM}{text}{END}"));
    }

    fn said(&mut self, who: &str, text: &str) {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        self.line(&format!("{BOLD}{who:5}{END}  {first}"));
        for line in lines {
            self.line(&format!("       {line}"));
        }
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.0, "{text}");
        let _ = self.0.flush();
    }
}

/// Long results fill the screen and are in `--json` anyway.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

const WIDEST: usize = 90;
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const CYAN: &str = "\x1b[36m";
const RED: &str = "\x1b[31m";
const END: &str = "\x1b[0m";
