//! With the issuer down, killed in mid-run or answering garbage, the agent ends with a clear word.

use std::process::Output;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::agent::finished;
use crate::vault::Vault;

const QUESTION: &str = "How much does ada@example.com owe?";

/// It failed, said why, and did not panic.
fn assert_ended_well(output: &Output, says: &str) {
    let text =
        String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(says), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

/// A server in place of the issuer, which answers every connection with these bytes, whatever
/// was asked, and then keeps silent.
async fn impostor(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut question = [0; 1024];
                let _ = stream.read(&mut question).await;
                let _ = stream.write_all(answer).await;
                let _ = stream.read(&mut question).await;
            });
        }
    });
    url
}

// Leak channel 14.
#[tokio::test]
async fn an_issuer_that_is_down_is_named() {
    let vault = Vault::start().await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let mut command = vault.agent(&[QUESTION]);
    command.env("AGENTCRED_ISSUER", &closed);
    assert_ended_well(
        &finished(command).await,
        &format!("the issuer at {closed} cannot be reached"),
    );
}

#[tokio::test]
async fn an_issuer_that_answers_garbage_is_named() {
    let vault = Vault::start().await;
    let cases: [(&[u8], &str); 4] = [
        (b"\x00\xff\xfenot http at all\r\n\r\n", "cannot be reached"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
            "does not speak the nonce protocol",
        ),
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}", "does not speak the nonce protocol"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"issuer\":", "cannot be reached"),
    ];
    for (answer, says) in cases {
        let mut command = vault.agent(&[QUESTION]);
        command.env("AGENTCRED_ISSUER", impostor(answer).await);
        assert_ended_well(&finished(command).await, says);
    }
}

#[tokio::test]
async fn an_issuer_that_is_killed_in_mid_run_ends_the_run() {
    let vault = Vault::start().await;
    let process = Arc::clone(&vault.process);
    vault.tap.on_first_nonce(move || {
        let mut process = process.lock().unwrap().take().unwrap();
        process.start_kill().unwrap();
    });
    let output = finished(vault.agent(&[QUESTION])).await;
    assert!(vault.process.lock().unwrap().is_none(), "the issuer was killed");
    assert_ended_well(&output, "error: ");
}

#[tokio::test]
async fn a_missing_variable_is_named() {
    let vault = Vault::start().await;
    let mut command = vault.agent(&[QUESTION]);
    command.env_remove("AGENTCRED_AGENT_KEY_FILE");
    assert_ended_well(&finished(command).await, "AGENTCRED_AGENT_KEY_FILE is not set");
}
