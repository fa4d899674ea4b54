//! An agent for a Stripe account: rig's agent loop, our tools, a nonce for every tool call.
//!
//!     cargo run --example billing_agent
//!     cargo run --example billing_agent -- "Which invoices of maren@example.org are overdue?"

mod audit;
mod cli;
mod config;
mod conversation;
mod embedded;
mod model;
mod money;
mod planner;
mod report;
mod sandbox;
mod screen;
mod stripe;
mod tools;
mod vault;
mod watch;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use agentcred::protocol::random::fresh_id;
use agentcred::{Agent, rig};
use anstream::{AutoStream, ColorChoice};
use anyhow::Context as _;
use clap::Parser as _;
use rig_agent::AgentBuilder;
use tracing_subscriber::EnvFilter;

use self::cli::Cli;
use self::config::Environment;
use self::conversation::Conversation;
use self::report::Report;
use self::screen::Screen;
use self::stripe::Day;
use self::vault::Vault;
use self::watch::Watched;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr();
    match run(&cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One question, from the vault's start to the audit.
async fn run(cli: &Cli) -> anyhow::Result<()> {
    let environment = Environment::read();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let today = Day::of(now).context("the clock is wrong")?;
    let chosen = model::choose(&environment, cli.offline, today)?;
    let vault = Vault::open(environment.has_issuer, cli.upstream.as_ref(), now).await?;
    let conversation = Conversation::new((!cli.json).then(Screen::stdout));

    let agent_id = environment.agent_id.as_deref().unwrap_or(AGENT);
    let agent = Agent::builder(agent_id)
        .issuer(Watched { issuer: vault.issuer()?, conversation: conversation.clone() })
        .tools(tools::billing_tools())
        .build()?;
    conversation.show(|screen| {
        screen.opening(agent_id, &chosen.name, vault.description(), &cli.question);
    });
    let task = Arc::new(agent.task(format!("billing-{}", fresh_id()?)).await?);

    let model = AgentBuilder::new(chosen.model)
        .preamble(PREAMBLE)
        .max_tokens(MOST_TOKENS)
        .dynamic_tools(rig::tools(&task))
        .add_hook(conversation.clone())
        .default_max_turns(MOST_TURNS)
        .build();
    let answer = model.prompt(cli.question.as_str()).await;
    if let Err(error) = task.finish().await {
        // The answer stands all the same: what is left of the task ends by its TTL.
        tracing::warn!("the task was not closed: {error}");
    }

    let report = Report {
        question: cli.question.clone(),
        model: chosen.name,
        offline: chosen.offline,
        task: task.id().to_string(),
        answer,
        calls: conversation.calls(),
        account: vault.account(task.id().as_str())?,
    };
    vault.close().await;
    report.print(&conversation, cli.json)
}

/// Standard output is the conversation's.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let in_colour = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(in_colour)
        .with_writer(io::stderr)
        .init();
}

const AGENT: &str = "billing-agent";
const MOST_TURNS: usize = 24;
const MOST_TOKENS: u64 = 4096;
const PREAMBLE: &str = "\
You answer questions about a Stripe account with the tools that you have. Amounts are in the \
smallest unit of their currency; write them in the currency itself. Take every figure from a \
tool's result. Look a customer up before you use the customer's id; if there is none, say `not \
found`, and if there are several, ask which. Refund only what you were clearly asked to refund.";
