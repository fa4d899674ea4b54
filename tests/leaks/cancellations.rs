//! Calls that are dropped at any point leave no live nonce in the real issuer's ledger.

use std::time::Duration;

use agentcred::{Nonce, ToolError, credentialed_tool, toolbox};
use serde_json::json;
use tokio::task::yield_now;

use crate::stage::Stage;
use crate::{Dice, count, task};

/// How long the revocations of calls that were dropped may take.
const GRACE: Duration = Duration::from_secs(5);

/// Ask twice with a nonce that allows for more.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m", uses = 3)]
async fn ask_twice(crm: Nonce) -> Result<(), ToolError> {
    for id in 0..2 {
        crm.get(format!("/v1/records/{id}")).send().await?;
    }
    Ok(())
}

/// Passes after so many turns of the executor, and counts them.
async fn turns(limit: usize, passed: &mut usize) {
    while *passed < limit {
        yield_now().await;
        *passed += 1;
    }
}

#[tokio::test]
async fn the_real_ledger_has_no_live_nonce_of_calls_that_were_dropped() {
    let stage = Stage::set(|_| "{}".to_owned()).await;
    let task = task(&stage, "hasty", toolbox![AskTwice]).await;
    let calls = count("AGENTCRED_CANCELLED", 300);
    let (mut dice, mut cancelled, mut while_live) = (Dice(7), 0, 0);
    // How many turns a whole call took the last time that one was left to end.
    let mut whole = usize::MAX;
    for _ in 0..calls {
        let (known, mut passed) = (stage.heard().nonces().len(), 0);
        let limit = if whole == usize::MAX { whole } else { dice.roll(whole + whole / 4) };
        tokio::select! {
            biased;
            outcome = task.call("ask_twice", json!({})) => assert!(outcome.into_result().is_ok()),
            () = turns(limit, &mut passed) => cancelled += 1,
        }
        if passed < limit {
            whole = passed;
            continue;
        }
        while_live += usize::from(stage.heard().nonces().len() > known);
        // One after the other: what the dropped calls left would slow the next ones down, until
        // all were dropped at their beginning.
        turns(whole, &mut 0).await;
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
