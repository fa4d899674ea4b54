//! The billing agent as a user runs it: the example's own binary, asked one question.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// No run may take longer, whatever is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// A binary of this workspace.
pub(crate) fn built(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Builds the binaries and gives their folder. `cargo test` builds an example's unit tests and not
/// the example, so a test that runs one sees to it itself.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--workspace", "--bins", "--examples"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    if target.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "the binaries cannot be built");
    target.to_owned()
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
