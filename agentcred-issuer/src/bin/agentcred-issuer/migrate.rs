//! `migrate`: makes or updates the tables of a shared ledger.

use std::io::{self, Write as _};
use std::path::PathBuf;

use agentcred_issuer::Config;
use agentcred_issuer::config::LedgerConfig;
use agentcred_issuer::ledger;
use clap::Args;

use crate::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The configuration, a TOML file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Also end the epoch: every grant and nonce is dead, and the next issuer to start may have
    /// another key.
    #[arg(long)]
    new_epoch: bool,
}

pub(crate) fn migrate(arguments: &Arguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.config)?;
    let LedgerConfig::Postgres(database) = config.ledger() else {
        return Err("the ledger of this configuration is in memory: there is nothing to migrate; \
                    a shared one has [ledger] with kind = \"postgres\""
            .into());
    };
    let secrets = config.secret_stores();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let migrated = runtime.block_on(ledger::migrate(database, &secrets))?;
    let mut out = io::stdout();
    if migrated.from == migrated.to {
        writeln!(out, "the ledger is at version {} already", migrated.to)?;
    } else {
        writeln!(out, "the ledger went from version {} to {}", migrated.from, migrated.to)?;
    }
    if arguments.new_epoch {
        runtime.block_on(ledger::begin_epoch(database, &secrets))?;
        writeln!(out, "the epoch is over: every older grant and nonce is dead")?;
    }
    Ok(())
}
