//! `approvals` and `revoke`: what an operator asks of a running issuer, from a terminal.

use std::io::{self, Write as _};
use std::path::PathBuf;

use agentcred_protocol::names::{AgentId, ApprovalId, NonceId, TaskId};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use crate::Failure;
use crate::operator::Operator;

/// Where the issuer is, and who asks.
#[derive(Args)]
pub(crate) struct At {
    /// The issuer's configuration, whose `[operators]` says where it listens.
    #[arg(long, value_name = "FILE", global = true, default_value = "issuer.toml")]
    config: PathBuf,
    /// The operator's token, as `keygen --operator` wrote it.
    #[arg(long, value_name = "FILE", global = true, env = "AGENTCRED_OPERATOR_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// As JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Approvals {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    at: At,
}

#[derive(Subcommand)]
enum Command {
    /// List the calls that wait, and those that were decided a short while ago.
    List,
    /// Approve a call, once.
    Approve {
        /// The approval, as `list` names it.
        id: ApprovalId,
    },
    /// Deny a call.
    Deny {
        /// The approval, as `list` names it.
        id: ApprovalId,
    },
}

#[derive(Args)]
pub(crate) struct Revoke {
    /// A nonce, by the name that the audit gives it.
    #[arg(long, value_name = "NONCE_ID", conflicts_with_all = ["agent", "task"], required_unless_present = "task")]
    nonce: Option<NonceId>,
    /// The agent of the task.
    #[arg(long, requires = "task")]
    agent: Option<AgentId>,
    /// A task, for good.
    #[arg(long, requires = "agent")]
    task: Option<TaskId>,
    #[command(flatten)]
    at: At,
}

pub(crate) fn run(arguments: &Approvals) -> Result<(), Failure> {
    let ask = |method, path: &str| arguments.at.ask(&method, path, None);
    let decide = |id: &ApprovalId, action| {
        let decided = ask(Method::POST, &format!("/approvals/{id}/{action}"))?;
        arguments
            .at
            .show(&decided, |it| vec![format!("{} {}", text(&it["id"]), text(&it["decision"]))])
    };
    match &arguments.command {
        Command::Approve { id } => decide(id, "approve"),
        Command::Deny { id } => decide(id, "deny"),
        Command::List => {
            let list = ask(Method::GET, "/approvals")?;
            arguments.at.show(&list, |list| {
                list["approvals"].as_array().into_iter().flatten().map(row).collect()
            })
        }
    }
}

pub(crate) fn revoke(arguments: &Revoke) -> Result<(), Failure> {
    let named = match &arguments.nonce {
        Some(nonce) => json!({"nonce_id": nonce}),
        None => json!({"agent": arguments.agent, "task": arguments.task}),
    };
    let ended = arguments.at.ask(&Method::POST, "/revoke", Some(&named))?;
    arguments.at.show(&ended, |it| {
        vec![format!("{} grants and {} nonces ended", it["grants"], it["nonces"])]
    })
}

impl At {
    fn ask(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let token_file = self
            .token_file
            .as_ref()
            .ok_or("say which token is yours with --token-file; `keygen --operator` makes one")?;
        Operator::new(&self.config, token_file)?.ask(method, path, body)
    }

    fn show(&self, answer: &Value, rows: impl Fn(&Value) -> Vec<String>) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{answer}")?;
            return Ok(());
        }
        for row in rows(answer) {
            writeln!(out, "{row}")?;
        }
        Ok(())
    }
}

/// What the issuer sends has no control characters: its names have none, and it escapes summaries.
fn row(listed: &Value) -> String {
    let columns = ["id", "standing", "tool", "agent", "task", "scope", "service", "args_hash"];
    let mut row = columns.map(|column| text(&listed[column])).join("  ");
    if let Some(user) = listed["user"].as_str() {
        row.push_str("  for ");
        row.push_str(user);
    }
    match listed["summary"].as_str() {
        Some(summary) => format!("{row}\n    {summary}"),
        None => row,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
