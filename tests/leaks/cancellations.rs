//! Calls that are dropped at any point leave no live nonce in the real issuer's ledger.

use std::time::Duration;

use agentcred::{Nonce, ToolError, credentialed_tool, toolbox};
use serde_json::json;
use tokio::task::yield_now;

use crate::stage::Stage;
use crate::{Dice, count, task};

/// How long the revocations of calls that were dropped may take.
const GRACE: Duration = Duration::from_secs(5);

/// About as many turns of the executor as a call takes.
const TURNS: usize = 300;

/// Ask twice with a nonce that allows for more.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m", uses = 3)]
async fn ask_twice(crm: Nonce) -> Result<(), ToolError> {
    for id in 0..2 {
        crm.get(format!("/v1/records/{id}")).send().await?;
    }
    Ok(())
}

/// Passes after so many turns of the executor.
async fn turns(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

/// Passes when one more nonce than these is on the wire.
async fn another_nonce(stage: &Stage, known: usize) {
    while stage.heard().since(known).is_empty() {
        yield_now().await;
    }
}

// Leak channel 34, control within.
#[tokio::test]
async fn the_real_ledger_has_no_live_nonce_of_calls_that_were_dropped() {
    let stage = Stage::set(|_| "{}".to_owned()).await;
    let task = task(&stage, "hasty", toolbox![AskTwice]).await;
    let calls = count("AGENTCRED_CANCELLED", 300);
    let (mut dice, mut cancelled, mut while_live) = (Dice(7), 0, 0);
    for number in 0..calls {
        let known = stage.heard().tokens().len();
        // Every other call is dropped at any point, and every other at a point in a nonce's life.
        let point = async {
            if number % 2 == 0 {
                another_nonce(&stage, known).await;
            }
            turns(dice.roll(TURNS)).await;
        };
        tokio::select! {
            biased;
            outcome = task.call("ask_twice", json!({})) => assert!(outcome.into_result().is_ok()),
            () = point => {
                cancelled += 1;
                while_live += usize::from(!stage.heard().since(known).is_empty());
            }
        }
    }
    println!("{cancelled} cancelled, {while_live} of them with a nonce");
    assert!(cancelled > calls / 4 && while_live > calls / 10, "calls were dropped in the middle");
    // The task is not finished here: the revocations alone end what is left. A nonce whose minting
    // was under way when its call was dropped is on the wire first.
    let settled = async || {
        stage.live().await == 0 && stage.audited("mint").len() == stage.heard().nonces().len()
    };
    let settling = async {
        while !settled().await {
            yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(GRACE, settling).await.is_ok();
    assert!(in_time, "{} nonces still live", stage.live().await);
    assert!(stage.audited("revoke").len() >= while_live / 2);

    // The control: a nonce that is held is live.
    let held = task.nonce("crm", "read:records", Duration::from_mins(1)).await.unwrap();
    assert_eq!(stage.live().await, 1);
    drop(held);
}
