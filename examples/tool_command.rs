//! The command that every crate with tools can have, here of the billing agent.
//!
//!     cargo run --example tool_command -- schemas --format mcp
//!     cargo run --example tool_command -- manifest --check examples/billing_agent/agent.toml

#[path = "billing_agent/stripe.rs"]
mod stripe;
#[path = "billing_agent/tools.rs"]
mod tools;

use std::process::ExitCode;

fn main() -> ExitCode {
    agentcred::cli::main(tools::billing_tools())
}
