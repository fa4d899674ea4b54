//! `audit show`: the records that were asked for, as a table or as they stand in the files.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use agentcred_issuer::audit::audit_files;
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde_json::Value;

use super::Named;
use crate::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    named: Named,
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
    /// Only on behalf of this user.
    #[arg(long)]
    user: Option<String>,
    /// Only events of this kind, as mint, use or refusal.
    #[arg(long)]
    event: Option<String>,
    /// Only from this time on, as 2027-01-15T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// As JSON, in the files' own lines.
    #[arg(long)]
    json: bool,
}

pub(super) fn show(arguments: &Arguments) -> Result<(), Failure> {
    let files = audit_files(&arguments.named.files)?;
    let mut out = io::stdout().lock();
    let mut records = Vec::new();
    for line in Merged::of(&files)? {
        let Line { record, text, .. } = line?;
        if !arguments.takes(&record) {
            continue;
        }
        if arguments.json {
            writeln!(out, "{text}")?;
        } else {
            records.push(record);
        }
    }
    if !records.is_empty() {
        writeln!(out, "{}", table(&records))?;
    }
    Ok(())
}

impl Arguments {
    fn takes(&self, record: &Value) -> bool {
        let time = || record["time"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
        [
            ("agent", &self.agent),
            ("task", &self.task),
            ("tool_call_id", &self.call),
            ("nonce_id", &self.nonce),
            ("user", &self.user),
            ("event", &self.event),
        ]
        .iter()
        .all(|(key, wanted)| wanted.as_ref().is_none_or(|wanted| record[key] == **wanted))
            && self.since.is_none_or(|since| time().is_some_and(|time| time >= since))
            && self.until.is_none_or(|until| time().is_some_and(|time| time < until))
    }
}

/// Columns that some record has a value for. On a terminal it is as wide as that.
fn table(records: &[Value]) -> String {
    let columns: Vec<_> = COLUMNS
        .into_iter()
        .filter(|column| records.iter().any(|record| !record[column].is_null()))
        .collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if io::stdout().is_terminal()
        && let Some((width, _)) = terminal_size::terminal_size()
    {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.0);
    }
    table.set_header(&columns);
    for record in records {
        table.add_row(columns.iter().map(|column| cell(&record[column])));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// A value without anything that a terminal would obey: somebody may have changed the file.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.to_string()),
    };
    let mut shown = String::new();
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A record, and the line that it stands in.
struct Line {
    text: String,
    record: Value,
}

/// The lines of many files by their time, those of one file in their own order.
struct Merged<'f> {
    files: Vec<Source<'f>>,
    /// The next line of each file: its time, its number in its audit, and the file.
    next: BinaryHeap<Reverse<(String, u64, usize)>>,
}

struct Source<'f> {
    path: &'f Path,
    lines: io::Lines<BufReader<File>>,
    number: usize,
    line: Option<Line>,
}

impl<'f> Merged<'f> {
    fn of(paths: &'f [PathBuf]) -> Result<Self, Failure> {
        let mut merged = Self { files: Vec::new(), next: BinaryHeap::new() };
        for (position, path) in paths.iter().enumerate() {
            let file = File::open(path)
                .map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
            let lines = BufReader::new(file).lines();
            merged.files.push(Source { path, lines, number: 0, line: None });
            merged.advance(position)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, position: usize) -> Result<(), Failure> {
        let source = &mut self.files[position];
        source.line = source.read()?;
        if let Some(Line { record, .. }) = &source.line {
            let time = record["time"].as_str().unwrap_or_default().to_owned();
            self.next.push(Reverse((time, record["seq"].as_u64().unwrap_or(0), position)));
        }
        Ok(())
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<Line, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((.., position)) = self.next.pop()?;
        let line = self.files[position].line.take()?;
        Some(self.advance(position).map(|()| line))
    }
}

impl Source<'_> {
    fn read(&mut self) -> Result<Option<Line>, Failure> {
        let Some(text) = self.lines.next() else { return Ok(None) };
        self.number += 1;
        let text =
            text.map_err(|error| format!("{} cannot be read: {error}", self.path.display()))?;
        let record = serde_json::from_str(&text)
            .map_err(|_| format!("{}: line {} is no record", self.path.display(), self.number))?;
        Ok(Some(Line { text, record }))
    }
}

const COLUMNS: [&str; 17] = [
    "time",
    "replica",
    "event",
    "agent",
    "task",
    "user",
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
