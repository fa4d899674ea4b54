//! `audit`: checks the chains of audits and shows what they tell.

mod show;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check that no line or file was changed, removed, added or moved.
    ///
    /// Files of several issuers can be checked at once. Lines cut off at the end of the last file
    /// leave no trace: compare its last hash, which is printed, with the one that you kept.
    Verify(verify::Arguments),
    /// Show records, of several issuers in the order of their time.
    ///
    /// It checks no chain: that is what `verify` is for.
    Show(show::Arguments),
}

/// Which files.
#[derive(Args)]
pub(crate) struct Named {
    /// Audit files, each with those that were kept beside it when they were full, or folders of
    /// them (*.jsonl).
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Verify(arguments) => verify::verify(arguments),
        Command::Show(arguments) => show::show(arguments),
    }
}
