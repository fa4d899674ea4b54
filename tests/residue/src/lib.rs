//! The agent whose memory is read: it makes its calls, finishes its task, and waits.

use std::error::Error;
use std::time::Duration;

use agentcred::{Agent, HttpIssuer, Nonce, ToolError, credentialed_tool, toolbox};
use futures_util::StreamExt as _;
use serde_json::json;

/// How many calls run at once.
const AT_ONCE: usize = 32;

/// Read one record.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn record(id: u32, crm: Nonce) -> Result<u64, ToolError> {
    let answer = crm.get(format!("/v1/records/{id}")).send().await?;
    Ok(answer.into_body().len() as u64)
}

/// Does what the arguments say: how many calls, `kept` or `closed` connections, and `held` for an
/// agent that keeps one nonce. It says `done` and then lives until its standard input ends.
///
/// # Errors
/// When an argument is wrong or a call fails.
pub fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let calls: u32 = arguments.next().ok_or("how many calls?")?.parse()?;
    let issuer = HttpIssuer::from_env()?;
    let issuer = match arguments.next().as_deref() {
        Some("kept") => issuer,
        Some("closed") => issuer.without_idle_connections()?,
        _ => return Err("kept or closed connections?".into()),
    };
    let holds = arguments.next().as_deref() == Some("held");
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    executor.block_on(async {
        let agent = Agent::builder("crowd").issuer(issuer).tools(toolbox![Record]).build()?;
        let task = agent.task("residue").await?;
        let mut outcomes = futures_util::stream::iter(0..calls)
            .map(|id| task.call("record", json!({ "id": id })))
            .buffer_unordered(AT_ONCE);
        while let Some(outcome) = outcomes.next().await {
            outcome.into_result()?;
        }
        drop(outcomes);
        let held = if holds {
            Some(task.nonce("crm", "read:records", Duration::from_mins(1)).await?)
        } else {
            None
        };
        task.finish().await?;
        drop(task);
        say_done()?;
        // The executor goes on with what it has to do while this waits.
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
        ended.await??;
        drop(held);
        Ok(())
    })
}

fn say_done() -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout();
    writeln!(out, "done")?;
    out.flush()
}
