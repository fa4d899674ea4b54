//! The billing agent as a user runs it: the example's own binary, asked one question.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// No run may take longer, whatever is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// A binary that `cargo test --workspace` builds beside this one.
pub(crate) fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let binary = target.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.exists(), "{} is not built; run `cargo test --workspace`", binary.display());
    binary
}

/// The agent, with nothing of this process's environment that could change what it does.
pub(crate) fn agent(arguments: &[&str]) -> Command {
    let mut command = Command::new(built("examples/billing_agent"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    for variable in [
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "ANTHROPIC_API_KEY",
        "AGENTCRED_ISSUER",
        "AGENTCRED_AGENT_ID",
        "RUST_LOG",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs a command to its end.
pub(crate) async fn finished(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.expect("the agent ends in time").unwrap()
}

/// Runs the agent with `--json` and gives what it printed. It must succeed.
pub(crate) async fn json(mut command: Command) -> Value {
    command.arg("--json");
    let output = finished(command).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
