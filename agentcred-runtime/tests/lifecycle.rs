//! What becomes of tasks and nonces when callers, issuers and time go away.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use agentcred_macros::credentialed_tool;
use agentcred_runtime as agentcred;
use agentcred_runtime::protocol::refusal::RefusalCode;
use agentcred_runtime::{
    EgressResponse, MemoryIssuer, ModelErrorCode, Nonce, RequestError, State, Task, TaskError,
    ToolError, testing, toolbox,
};
use http::StatusCode;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::time::Instant;

/// Ask once.
#[credentialed_tool(crate = agentcred, service = "crm", scope = "read", ttl = "1m")]
async fn ask(crm: Nonce) -> Result<bool, ToolError> {
    Ok(crm.get("/v1/it").send().await?.status().is_success())
}

/// What happens in the middle of a tool.
struct Middle(Box<dyn Fn() + Send + Sync>);

/// Let something happen and then ask, twice.
#[credentialed_tool(crate = agentcred, service = "crm", scope = "read", ttl = "1m", uses = 2)]
async fn ask_later(crm: Nonce, middle: State<Middle>) -> Result<[bool; 2], ToolError> {
    let mut answers = [false; 2];
    for answer in &mut answers {
        (middle.0)();
        *answer = crm.get("/v1/it").send().await?.status().is_success();
    }
    Ok(answers)
}

/// Wait for ever.
#[credentialed_tool(crate = agentcred, service = "crm", scope = "read", ttl = "1m", timeout = "20s")]
async fn wait(crm: Nonce) -> Result<(), ToolError> {
    let _crm = crm;
    pending().await
}

fn issuer() -> MemoryIssuer {
    MemoryIssuer::new(|_| EgressResponse::new(StatusCode::OK, "{}")).grant("crm", "read")
}

async fn task(issuer: &MemoryIssuer) -> Task {
    testing::task(toolbox![Ask, Wait], issuer).await.unwrap()
}

async fn asks(task: &Task) -> bool {
    task.call("ask", json!({})).await.into_result().is_ok()
}

#[tokio::test]
async fn an_issuer_that_lost_its_memory_is_told_of_the_task_again() {
    let issuer = issuer();
    let task = task(&issuer).await;
    issuer.restart();
    assert!(asks(&task).await);
    assert_eq!((issuer.opened(), issuer.minted()), (2, 1));
}

#[tokio::test]
async fn many_calls_open_a_task_again_once() {
    let issuer = issuer();
    let task = Arc::new(task(&issuer).await);
    issuer.restart();
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let task = Arc::clone(&task);
            tokio::spawn(async move { asks(&task).await })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap());
    }
    assert_eq!((issuer.opened(), issuer.minted()), (2, 32));
}

#[tokio::test]
async fn a_task_that_nears_its_end_is_opened_again_and_closed_whole() {
    let issuer = issuer().task_life(Duration::from_secs(5));
    let task = task(&issuer).await;
    let nonce = task.nonce("crm", "read", Duration::from_mins(1)).await.unwrap();
    assert!(asks(&task).await);
    assert!(issuer.opened() > 1, "{}", issuer.opened());
    assert!(nonce.get("/v1/it").send().await.is_ok(), "nonces of the former grant live on");
    task.finish().await.unwrap();
    assert_eq!(issuer.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn nonces_and_tasks_end_by_the_clock_that_a_test_moves() {
    let issuer = issuer().task_life(Duration::from_hours(1));
    let task = task(&issuer).await;
    let nonce = task.nonce("crm", "read", Duration::from_mins(1)).await.unwrap();
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!((issuer.live(), nonce.expires_in()), (1, Duration::from_secs(1)));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!((issuer.live(), nonce.expires_in()), (0, Duration::ZERO));
    let refused = nonce.get("/v1/it").send().await;
    assert!(matches!(refused, Err(RequestError::Refused(RefusalCode::InvalidToken))));
    assert_eq!((issuer.minted(), issuer.requests()), (1, 0), "it is not asked for again");
    tokio::time::advance(Duration::from_hours(1)).await;
    assert!(asks(&task).await);
    assert_eq!(issuer.opened(), 2);
}

#[tokio::test]
async fn a_finished_task_is_never_opened_again() {
    let issuer = issuer();
    let task = task(&issuer).await;
    task.finish().await.unwrap();
    assert!(!asks(&task).await);
    let refused = task.nonce("crm", "read", Duration::from_mins(1)).await;
    assert!(matches!(refused, Err(TaskError::Finished)));
    assert_eq!((issuer.opened(), issuer.minted()), (1, 0));
}

// Leak channel 31, control within.
#[tokio::test]
async fn a_nonce_that_the_vault_side_lost_is_minted_again_once() {
    let issuer = issuer();
    for (losses, expected) in [(1, true), (2, false)] {
        let (forgetful, left) = (issuer.clone(), std::sync::Mutex::new(losses));
        let middle = Middle(Box::new(move || {
            let mut left = left.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                forgetful.restart();
            }
        }));
        let toolbox = toolbox![AskLater].state(middle);
        let task = testing::task(toolbox, &issuer).await.unwrap();
        let (minted, requests) = (issuer.minted(), issuer.requests());
        let outcome = task.call("ask_later", json!({})).await.into_result();
        assert_eq!(outcome.is_ok(), expected, "{outcome:?}");
        assert_eq!(issuer.minted() - minted, 2, "one and one in its place");
        assert_eq!(issuer.requests() - requests, if expected { 2 } else { 1 });
        assert_eq!(issuer.live(), 0);
    }
}

#[tokio::test]
async fn a_nonce_that_is_used_after_its_call_is_not_minted_again() {
    let issuer = issuer();
    let task = task(&issuer).await;
    let nonce = task.nonce("crm", "read", Duration::from_mins(1)).await.unwrap();
    task.finish().await.unwrap();
    let error = nonce.get("/v1/it").send().await.unwrap_err();
    assert!(matches!(error, RequestError::Refused(_)), "{error}");
    assert_eq!(issuer.minted(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_away_for_a_moment_is_waited_for() {
    let issuer = issuer();
    issuer.go_away(2);
    let task = task(&issuer).await;
    issuer.go_away(3);
    assert!(asks(&task).await);
    issuer.go_away(100);
    let error = task.call("ask", json!({})).await.into_result().unwrap_err();
    assert_eq!(error.code, ModelErrorCode::IssuerUnavailable);
}

// Leak channel 35.
#[tokio::test(start_paused = true)]
async fn a_call_takes_no_longer_than_its_tool_says() {
    let issuer = issuer();
    let task = task(&issuer).await;
    let start = Instant::now();
    issuer.go_away(3);
    let error = task.call("wait", json!({})).await.into_result().unwrap_err();
    assert_eq!(error.code, ModelErrorCode::TimedOut);
    assert_eq!(start.elapsed().as_secs(), 20, "the time of minting counts");
    assert_eq!(issuer.live(), 0);
}

// Leak channel 34.
#[tokio::test]
async fn finishing_waits_for_what_cancelled_calls_left_behind() {
    let issuer = issuer();
    let task = Arc::new(task(&issuer).await);
    let both = Arc::new(Barrier::new(2));
    let call = tokio::spawn({
        let (task, both) = (Arc::clone(&task), Arc::clone(&both));
        async move {
            both.wait().await;
            task.call("wait", json!({})).await
        }
    });
    both.wait().await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    task.finish().await.unwrap();
    assert_eq!(issuer.live(), 0);
}
