//! How many nonces are left in an agent's memory after its calls, counted from outside against the
//! real issuer: with and without what the feature `zeroizing` is for.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may end where it fails, and says what it counted"
)]

#[expect(dead_code, reason = "the tests in tests/leaks use more of it")]
#[path = "../../../leaks/stage.rs"]
mod stage;
#[path = "../../../leaks/tap.rs"]
mod tap;
#[path = "../../../leaks/upstream.rs"]
mod upstream;

mod process;

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::process::Search;
use crate::stage::Stage;

const PLAIN: &str = env!("CARGO_BIN_EXE_plain_agent");
const ZEROIZING: &str = env!("CARGO_BIN_EXE_zeroizing_agent");

/// How long an agent may go on closing its connections after it is done.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many calls each agent makes, by the variable or else what fits into every run.
fn calls() -> usize {
    let asked = std::env::var("AGENTCRED_RESIDUE_CALLS").ok();
    let calls = asked.map_or(200, |text| text.parse().unwrap());
    println!("AGENTCRED_RESIDUE_CALLS={calls}");
    calls
}

/// An agent that is done with its calls and waits.
struct Finished {
    agent: Child,
    stage: Stage,
}

impl Finished {
    async fn after(calls: usize, agent: &str, arguments: &[&str]) -> Self {
        let stage = Stage::set(|head| format!("{{\"asked\":\"{}\"}}", upstream::path(head))).await;
        let mut agent = Command::new(agent)
            .arg(calls.to_string())
            .args(arguments)
            .env_clear()
            .env("AGENTCRED_ISSUER", stage.url())
            .env("AGENTCRED_AGENT_KEY_FILE", stage.key_file())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(agent.stdout.take().unwrap()).lines();
        assert_eq!(said.next_line().await.unwrap().as_deref(), Some("done"));
        Self { agent, stage }
    }

    /// How many of the nonces and grants that went over the wire stand in the agent's memory.
    fn residue(&self) -> usize {
        let tokens = self.stage.heard().tokens();
        Search::new(&tokens).count_in(self.agent.id().unwrap())
    }

    /// The same, once it is no more than `expected` or all connections had their time to close.
    async fn settled(&self, expected: usize) -> usize {
        let settling = async {
            while self.residue() > expected {
                tokio::task::yield_now().await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, settling).await;
        self.residue()
    }

    fn nonces(&self) -> usize {
        self.stage.heard().nonces().len()
    }
}

// Leak channel 24, control within.
#[tokio::test(flavor = "multi_thread")]
async fn no_nonce_is_left_in_memory_when_both_measures_are_taken() {
    let calls = calls();
    let clean = Finished::after(calls, ZEROIZING, &["closed"]).await;
    assert_eq!(clean.nonces(), calls);
    let left = clean.settled(0).await;
    println!("zeroizing allocator, no idle connections: {left} of {calls} nonces left");
    assert_eq!(left, 0);

    // The control: the same agent, when it still holds one nonce.
    let holding = Finished::after(calls.min(50), ZEROIZING, &["closed", "held"]).await;
    // A nonce keeps its task's grant, so as to be minted again when the vault side loses it.
    assert_eq!(holding.settled(2).await, 2, "the nonce that is held is found");
}

// Leak channel 24: control.
#[tokio::test(flavor = "multi_thread")]
async fn without_both_measures_nonces_are_left_and_found() {
    let calls = calls();
    for (agent, connections, what) in [
        (PLAIN, "kept", "nothing"),
        (PLAIN, "closed", "no idle connections"),
        (ZEROIZING, "kept", "zeroizing allocator"),
    ] {
        let finished = Finished::after(calls, agent, &[connections]).await;
        assert_eq!(finished.nonces(), calls);
        let left = finished.residue();
        println!("{what}: {left} of {calls} nonces left");
        assert!(left > 0, "the search finds what is there");
    }
}
