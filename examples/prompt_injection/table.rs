//! The table: a row for each attack, each place and each theft, a column for each way.

use std::io::{self, Write};

use super::column::{Column, Finding, Verdict, Way};

/// Writes the table, and below it what the columns are and how each of them did.
pub(crate) fn write(out: &mut dyn Write, columns: &[Column]) -> io::Result<()> {
    let Some(first) = columns.first() else { return Ok(()) };
    write!(out, "{:LABEL$}", "")?;
    for column in columns {
        write!(out, "{BOLD}{:CELL$}{END}", column.way.name())?;
    }
    writeln!(out)?;
    for (title, part) in PARTS {
        writeln!(out, "\n{BOLD}{title}{END}")?;
        for (row, Finding { what, .. }) in part(first).iter().enumerate() {
            write!(out, "  {what:WHAT$}")?;
            for column in columns {
                let verdict = part(column)[row].verdict;
                write!(out, "{}{:CELL$}{END}", verdict.colour(), verdict.word())?;
            }
            writeln!(out)?;
        }
    }
    writeln!(out)?;
    for column in columns {
        let (way, through) = (column.way, column.through());
        let colour = if through == 0 { GREEN } else { RED };
        writeln!(
            out,
            "{:CELL$}{:46}{colour}{through} went through{END}",
            way.name(),
            way.meaning()
        )?;
    }
    Ok(())
}

type Part = fn(&Column) -> &[Finding];

/// The parts of a column, and the titles over them.
const PARTS: [(&str, Part); 3] = [
    ("a customer's record", |column| &column.attacks),
    ("a secret is found in", |column| &column.sinks),
    ("what a thief gets of it", |column| &column.worth),
];

impl Column {
    /// How many cells an attacker is glad of.
    pub(crate) fn through(&self) -> usize {
        let cells = PARTS.iter().flat_map(|(_, part)| part(self));
        cells.filter(|finding| finding.verdict.is_bad()).count()
    }
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Environment => "environment",
            Self::SecretsManager => "manager",
            Self::Injection => "injection",
            Self::JustInTime => "just in time",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Prompt => "the key stands in the system prompt",
            Self::Environment => "the tools read the key from a variable",
            Self::SecretsManager => "the tools fetch the key when they need it",
            Self::Injection => "a gateway adds the key to every request",
            Self::JustInTime => "agentcred: a nonce for each call",
        }
    }
}

impl Verdict {
    /// Whether an attacker is glad of it.
    fn is_bad(self) -> bool {
        matches!(self, Self::Leaked | Self::Works)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Leaked => "LEAKED",
            Self::Clean => "clean",
            Self::Works => "WORKS",
            Self::Refused => "refused",
            Self::Nothing => "-",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Leaked | Self::Works => RED,
            Self::Clean | Self::Refused => GREEN,
            Self::Nothing => END,
        }
    }
}

const LABEL: usize = 54;
const WHAT: usize = LABEL - 2;
const CELL: usize = 13;
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const END: &str = "\x1b[0m";
