//! `audit verify`: whether audits are whole, and if not, where.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use agentcred_issuer::audit::{Flaw, VerifiedAudit, audit_files, verify_files};
use clap::Args;

use super::Named;
use crate::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    named: Named,
    /// The last hash of a file that you took away: what goes on after it needs no file before it.
    #[arg(long, value_name = "HASH", allow_hyphen_values = true)]
    after: Vec<String>,
}

pub(super) fn verify(arguments: &Arguments) -> Result<(), Failure> {
    let files = audit_files(&arguments.named.files)?;
    let progress = Progress::over(&files)?;
    let verified = verify_files(&files, &arguments.after, &|read| progress.show(read));
    progress.clear();
    let audits = verified.map_err(|flaws| list(&flaws))?;
    let mut out = io::stdout().lock();
    for audit in &audits {
        writeln!(out, "{}", line(audit))?;
    }
    Ok(())
}

fn line(audit: &VerifiedAudit) -> String {
    let VerifiedAudit { files, replica, lines, last_hash, .. } = audit;
    let last = files.last().map(|file| file.display().to_string()).unwrap_or_default();
    let before = match files.len() {
        0 | 1 => String::new(),
        2 => " and one before it".to_owned(),
        count => format!(" and {} before it", count - 1),
    };
    let by = replica.as_ref().map(|replica| format!(" of {replica}")).unwrap_or_default();
    format!("{last}{before}{by}: {lines} lines, unbroken; last hash {last_hash}")
}

/// One flaw a line.
fn list(flaws: &[Flaw]) -> String {
    let flaws: Vec<_> = flaws.iter().map(ToString::to_string).collect();
    flaws.join("\nagentcred-issuer: ")
}

/// How far it is, on a terminal and when there is much to read.
struct Progress {
    of: Option<u64>,
    shown: AtomicU64,
}

impl Progress {
    fn over(files: &[PathBuf]) -> io::Result<Self> {
        let sizes = files.iter().map(|file| std::fs::metadata(file).map(|it| it.len()));
        let bytes: u64 = sizes.sum::<io::Result<u64>>()?;
        let is_shown = io::stderr().is_terminal() && bytes >= MUCH;
        Ok(Self { of: is_shown.then_some(bytes), shown: AtomicU64::new(0) })
    }

    fn show(&self, read: u64) {
        let Some(of) = self.of else { return };
        let percent = read.saturating_mul(100) / of.max(1);
        if self.shown.fetch_max(percent, Ordering::Relaxed) < percent {
            // A terminal that is gone is no reason to stop.
            let _ = write!(io::stderr(), "\r{percent} % of {} MB", of / 1_000_000);
        }
    }

    fn clear(&self) {
        if self.of.is_some() {
            let _ = write!(io::stderr(), "\r{:30}\r", "");
        }
    }
}

/// In bytes: what takes longer than a moment.
const MUCH: u64 = 64_000_000;
