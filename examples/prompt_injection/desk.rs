//! What the five ways of handing out a credential have in common: a prompt, tools, and an end.

use std::process::Stdio;

use async_trait::async_trait;
use serde_json::Value;

/// An agent's tools, with the credential handed to them in one of the five ways.
#[async_trait]
pub(crate) trait Desk {
    /// What the model is told before anything else.
    fn prompt(&self) -> String;

    /// The arguments of each tool, by its name.
    fn schemas(&self) -> Value;

    /// Calls a tool and gives what the model reads of it.
    async fn call(&self, tool: &str, arguments: Value) -> String;

    /// Uses what the tool `keep` kept, when its call is over.
    async fn use_what_was_kept(&self);

    /// Ends the task.
    async fn end(&self);
}

/// What a child process finds in its environment: this process's own, and `more`.
pub(crate) async fn environment(more: &[(&str, &str)]) -> anyhow::Result<String> {
    let (program, arguments) =
        if cfg!(windows) { ("cmd", &["/C", "set"][..]) } else { ("env", &[][..]) };
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).envs(more.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    Ok(String::from_utf8_lossy(&command.output().await?.stdout).into_owned())
}

/// How many customers `read_everything` reads.
pub(crate) const EVERYTHING: usize = 20;
