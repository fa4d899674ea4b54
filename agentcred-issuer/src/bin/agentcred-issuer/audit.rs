//! `audit`: checks the chain of an audit file and shows what it tells.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use agentcred_issuer::audit::verify;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check that no line was changed, removed, added or moved.
    ///
    /// Lines cut off at the end leave no trace in the file: compare the last hash, which is
    /// printed, with the one that you kept.
    Verify {
        /// The audit file.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Show records, one a line.
    Show(Filter),
}

#[derive(Args)]
pub(crate) struct Filter {
    /// The audit file.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Only of this agent.
    #[arg(long)]
    agent: Option<String>,
    /// Only of this task.
    #[arg(long)]
    task: Option<String>,
    /// Only of this tool call.
    #[arg(long, value_name = "CALL_ID")]
    call: Option<String>,
    /// Only of this nonce.
    #[arg(long, value_name = "NONCE_ID")]
    nonce: Option<String>,
    /// As JSON, in the file's own lines.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Verify { file } => {
            let verified =
                verify(open(&file)?).map_err(|broken| format!("{}: {broken}", file.display()))?;
            writeln!(
                io::stdout(),
                "{}: {} lines, unbroken; last hash {}",
                file.display(),
                verified.lines,
                verified.last_hash
            )?;
            Ok(())
        }
        Command::Show(filter) => show(&filter),
    }
}

fn show(filter: &Filter) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for (number, line) in open(&filter.file)?.lines().enumerate() {
        let line = line?;
        let record: Value = serde_json::from_str(&line)
            .map_err(|_| format!("{}: line {} is no record", filter.file.display(), number + 1))?;
        if !filter.takes(&record) {
            continue;
        }
        if filter.json { writeln!(out, "{line}")? } else { writeln!(out, "{}", row(&record))? }
    }
    Ok(())
}

impl Filter {
    fn takes(&self, record: &Value) -> bool {
        [
            ("agent", &self.agent),
            ("task", &self.task),
            ("tool_call_id", &self.call),
            ("nonce_id", &self.nonce),
        ]
        .iter()
        .all(|(key, wanted)| wanted.as_ref().is_none_or(|wanted| record[key] == **wanted))
    }
}

/// The record's values in a fixed order, those that it has.
fn row(record: &Value) -> String {
    const COLUMNS: [&str; 15] = [
        "time",
        "event",
        "agent",
        "task",
        "tool",
        "tool_call_id",
        "nonce_id",
        "service",
        "scope",
        "method",
        "path",
        "outcome",
        "status",
        "error",
        "reason",
    ];
    let value = |column: &&str| match &record[*column] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    COLUMNS.iter().filter_map(value).collect::<Vec<_>>().join("  ")
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let file = File::open(path)
        .map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
    Ok(BufReader::new(file))
}
