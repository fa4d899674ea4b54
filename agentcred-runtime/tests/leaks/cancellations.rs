//! Calls that are dropped at any point leave no live nonce.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use agentcred_macros::credentialed_tool;
use agentcred_runtime as agentcred;
use agentcred_runtime::{EgressResponse, MemoryIssuer, Nonce, ToolError, testing, toolbox};
use http::StatusCode;
use serde_json::json;
use tokio::task::yield_now;

use crate::{Dice, count};

/// Ask twice, with pauses.
#[credentialed_tool(crate = agentcred, service = "crm", scope = "read", ttl = "1m", uses = 3)]
async fn ask_slowly(crm: Nonce) -> Result<(), ToolError> {
    for _ in 0..2 {
        yield_now().await;
        crm.get("/v1/it").send().await?;
        yield_now().await;
    }
    Ok(())
}

// Leak channel 34.
#[tokio::test]
async fn a_call_that_is_dropped_anywhere_leaves_no_live_nonce() {
    let issuer =
        MemoryIssuer::new(|_| EgressResponse::new(StatusCode::OK, "{}")).grant("crm", "read");
    let task = testing::task(toolbox![AskSlowly], &issuer).await.unwrap();
    let calls = count("AGENTCRED_CANCELLED", 2_000);
    let (mut dice, mut cancelled, mut while_live) = (Dice(7), 0, 0);
    for _ in 0..calls {
        let turns = dice.roll(12);
        let mut call = pin!(Some(task.call("ask_slowly", json!({}))));
        let mut ended = false;
        for _ in 0..turns {
            let running = call.as_mut().as_pin_mut().unwrap();
            if let Poll::Ready(outcome) = running.poll(&mut Context::from_waker(Waker::noop())) {
                assert!(outcome.into_result().is_ok());
                ended = true;
                break;
            }
            yield_now().await;
        }
        while_live += usize::from(!ended && issuer.live() > 0);
        cancelled += usize::from(!ended);
        call.set(None);
    }
    println!("{cancelled} cancelled, {while_live} of them with a live nonce");
    assert!(cancelled > calls / 4 && while_live > calls / 10, "calls were dropped in the middle");
    // The task is not finished here: the revocations alone end what is left. They need turns of
    // the executor and no time.
    for _ in 0..100 {
        yield_now().await;
    }
    assert_eq!(issuer.live(), 0, "of {} minted", issuer.minted());
}
