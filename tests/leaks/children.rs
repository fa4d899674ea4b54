//! What a program that a tool starts inherits: no secret in its environment and arguments, no
//! connection to the vault side.

#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

use agentcred::testing::oracle::Oracle;
use agentcred::{Nonce, ToolError, credentialed_tool, toolbox};
use serde_json::{Value, json};

use crate::shapes::Shapes;
use crate::stage::{REAL_KEY, Stage};
use crate::task;

/// Says all that a child can say of what it was given.
const INQUIRY: &str = "cat /proc/self/environ /proc/$$/cmdline /proc/$$/environ; ls -l /proc/$$/fd";

fn inquire(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn inquiry() -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", INQUIRY]).stdin(Stdio::null());
    shell
}

/// Ask the upstream, and a child while the connection is open.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m", uses = 2)]
async fn ask_child(crm: Nonce) -> Result<String, ToolError> {
    crm.get("/v1/records/1").send().await?;
    let told = inquire(&mut inquiry());
    crm.get("/v1/records/2").send().await?;
    Ok(told)
}

// Leak channels 27, 28, control within.
#[tokio::test]
async fn a_child_of_a_tool_inherits_no_secret_and_no_connection() {
    let stage = Stage::set(|_| "{}".to_owned()).await;
    let task = task(&stage, "parent", toolbox![AskChild]).await;
    let Value::String(told) = task.call("ask_child", json!({})).await.into_result().unwrap() else {
        panic!("the tool gives a text");
    };
    let key = std::fs::read_to_string(stage.key_file()).unwrap();
    let key: Value = serde_json::from_str(&key).unwrap();
    let mut secrets = stage.heard().tokens();
    secrets.extend([REAL_KEY.to_owned(), key["d"].as_str().unwrap().to_owned()]);
    let shapes = Shapes::new();
    let leaks = |text: &str| {
        secrets.iter().any(|secret| Oracle::new(secret).finds(text.as_bytes()))
            || !shapes.seen_in(text.as_bytes()).is_empty()
    };
    let is_connected = |text: &str| text.contains("socket:");
    assert!(told.contains("PATH=") && told.contains("->"), "{told}");
    assert!(!leaks(&told) && !is_connected(&told), "{told}");

    // The controls: a secret in the environment or in an argument is found, and so is a connection.
    for secret in &secrets {
        assert!(leaks(&inquire(inquiry().env("TOKEN", secret))));
        assert!(leaks(&inquire(inquiry().arg(secret))));
    }
    let connection = std::net::TcpStream::connect(stage.url().trim_start_matches("http://"));
    let connection = std::os::fd::OwnedFd::from(connection.unwrap());
    assert!(is_connected(&inquire(inquiry().stdin(Stdio::from(connection)))));
}
