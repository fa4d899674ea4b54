//! A hostile customer record asks an agent for its keys, and the agent's model obeys.
//!
//!     cargo run --example prompt_injection
//!
//! The same attacks meet five ways of handing an agent a credential: the key in the prompt, in the
//! environment, read from a secrets manager by the tool, added by a gateway on the way, and a nonce
//! for each call. Every cell of the table is measured in this run, by searching what came out and by
//! trying what was stolen. It fails when the last column lets anything through.

mod attack;
mod careless;
mod column;
mod desk;
mod just_in_time;
mod loot;
mod model;
mod servers;
mod table;
mod upstream;
mod vault;
mod wire;

use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::Once;

use agentcred::testing::CapturedLogs;
use clap::Parser;

use self::column::{Column, Way};

/// Measure what a prompt injection gets out of an agent, by how the agent has its credential.
#[derive(Parser)]
struct Cli {
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let columns = measured().await?;
    if cli.json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&columns)?)?;
    } else {
        table::write(&mut anstream::stdout(), &columns)?;
    }
    let through = columns.last().map_or(0, Column::through);
    Ok(if through == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All columns, the just-in-time one last.
async fn measured() -> anyhow::Result<Vec<Column>> {
    log_panics();
    let mut columns = Vec::new();
    for way in Way::ALL {
        columns.push(way.measure().await?);
    }
    Ok(columns)
}

/// Panics of tools go into the log, as in a service that is watched; all others as before.
fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            // The demo itself runs in no task.
            let in_tool = tokio::task::try_id().is_some();
            if in_tool && tracing::dispatcher::get_default(tracing::Dispatch::is::<CapturedLogs>) {
                tracing::error!("{info}");
            } else {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::column::Finding;
    use super::*;

    /// The first letters of the verdicts of some cells.
    fn letters(findings: &[Finding]) -> String {
        findings
            .iter()
            .filter_map(|finding| format!("{:?}", finding.verdict).chars().next())
            .collect()
    }

    #[tokio::test]
    async fn the_other_ways_leak_and_just_in_time_nonces_do_not() {
        // Leaked, Clean, Works, Refused, Nothing to try.
        const EXPECTED: [[&str; 3]; 5] = [
            ["LLCLLLWWWWWW", "LLLL", "WWW"],
            ["CLLLLLRWWWWW", "CLLL", "WWW"],
            ["CLLLLLRWWWWW", "CLLL", "WWW"],
            ["CCCLLLRWWWWW", "CLLL", "WWN"],
            ["CCCCCCRRRRRR", "CCCC", "NRR"],
        ];
        let columns = measured().await.unwrap();
        for (column, expected) in columns.iter().zip(EXPECTED) {
            let found = [&column.attacks, &column.sinks, &column.worth];
            assert_eq!(found.map(|findings| letters(findings)), expected, "{:?}", column.way);
            assert_eq!(column.through() == 0, column.way == Way::JustInTime);
        }
        assert_eq!(columns.len(), EXPECTED.len());

        let mut text = Vec::new();
        table::write(&mut text, &columns).unwrap();
        let text = String::from_utf8(text).unwrap();
        let bad = text.matches("LEAKED").count() + text.matches("WORKS").count();
        assert_eq!(bad, columns.iter().map(Column::through).sum::<usize>(), "{text}");
        assert!(!text.contains("sk_crm_") && !text.contains("hvs.") && !text.contains("acn_"));
    }
}
