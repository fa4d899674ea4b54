//! The `agentcred-issuer` command: runs the vault side and helps its operator.

mod approvals;
mod audit;
mod harden;
mod keygen;
mod manifest;
mod migrate;
mod operator;
mod serve;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Issues just-in-time nonces to agents and brokers what they do with them.
///
/// Real keys stay here. An agent proves its own key, gets a nonce for one tool call, and sends
/// its request to the broker, which checks it, records it and puts the real key in.
#[derive(Parser)]
#[command(name = "agentcred-issuer", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the issuer and broker until SIGINT or SIGTERM.
    ///
    /// When it is ready it prints its URL on standard output. Logs go to standard error.
    Serve(serve::Arguments),
    /// Check a configuration, with its keys and secrets, and list what is found.
    Check {
        /// The configuration, a TOML file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        #[command(flatten)]
        needs: manifest::Needs,
    },
    /// Write the least policy for what an agent's tools need.
    ///
    /// It is the agent's part of a configuration. Services and the rules of their scopes are the
    /// operator's.
    Policy(manifest::Policy),
    /// Make a key pair for an agent, or a token for an operator.
    ///
    /// Writes NAME.private.jwk for the agent and NAME.jwk for the issuer's configuration. A
    /// file that is there already is never overwritten.
    Keygen(keygen::Arguments),
    /// Make or update the tables of a ledger that several issuers share.
    Migrate(migrate::Arguments),
    /// Decide calls that wait for a human.
    Approvals(approvals::Approvals),
    /// End a nonce or a task by its name.
    Revoke(approvals::Revoke),
    /// Check audits, and read them.
    #[command(subcommand)]
    Audit(audit::Command),
}

/// Why a command failed, in words for its user.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Check { config, needs } => serve::check(&config, &needs),
        Command::Policy(arguments) => manifest::policy(&arguments),
        Command::Keygen(arguments) => keygen::keygen(&arguments),
        Command::Migrate(arguments) => migrate::migrate(&arguments),
        Command::Approvals(arguments) => approvals::run(&arguments),
        Command::Revoke(arguments) => approvals::revoke(&arguments),
        Command::Audit(command) => audit::run(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output had enough, as `head` does.
        Err(failure) if is_broken_pipe(&*failure) => ExitCode::SUCCESS,
        Err(failure) => {
            // When standard error is gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "agentcred-issuer: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(failure: &(dyn std::error::Error + 'static)) -> bool {
    let error = failure.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
