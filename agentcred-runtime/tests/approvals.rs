//! A call that a human must approve: it waits, within bounds, and ends in words for the model.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage fails")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentcred_runtime::{
    Agent, Arguments, CredentialSpec, EgressResponse, Invocation, MemoryIssuer, Task, Tool,
    ToolDefinition, Toolbox,
};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

/// A tool that pays something back, with five seconds for it.
struct Refund;

impl Tool for Refund {
    fn definition(&self) -> ToolDefinition {
        let mut definition = ToolDefinition::new("refund", "Pays something back.");
        definition.timeout = Duration::from_secs(5);
        definition.credentials = vec![CredentialSpec {
            parameter: "stripe",
            service: "stripe",
            scope: "write:refunds",
            ttl: Duration::from_mins(1),
            uses: 1,
        }];
        definition
    }

    fn prepare(&self, _: Arguments) -> Result<Invocation, agentcred_runtime::ArgumentError> {
        Ok(Invocation::new(|injection| async move {
            Ok(json!(injection.nonces[0].get("/v1/refunds").send().await?.status().as_u16()))
        }))
    }
}

/// An issuer whose human says this from the given question on, and nothing before.
fn issuer(from: usize, says: bool) -> MemoryIssuer {
    let asked = AtomicUsize::new(0);
    MemoryIssuer::new(|_| EgressResponse::new(StatusCode::OK, "{}"))
        .grant("stripe", "write:refunds")
        .approved_by(move |_| (asked.fetch_add(1, Ordering::SeqCst) >= from).then_some(says))
}

async fn task(issuer: &MemoryIssuer, wait: Option<Duration>) -> (Task, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    let mut agent = Agent::builder("billing")
        .issuer(issuer.clone())
        .tools(Toolbox::new().with_summary(Refund, |_| "pays 5.00 back".to_owned()))
        .on_progress(move |_, progress| hears.lock().unwrap().push(progress.message.clone()));
    if let Some(wait) = wait {
        agent = agent.approval_wait(wait);
    }
    (agent.build().unwrap().task("task-1").await.unwrap(), told)
}

async fn code(task: &Task) -> String {
    let error = task.call("refund", json!({})).await.into_result().unwrap_err();
    error.code.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_its_approval_and_says_so() {
    let issuer = issuer(3, true);
    let (task, told) = task(&issuer, None).await;
    assert_eq!(task.call("refund", json!({})).await.into_result(), Ok(Value::from(200)));
    assert_eq!(*told.lock().unwrap(), ["waiting for approval"]);
    assert_eq!((issuer.minted(), issuer.withdrawn(), issuer.live()), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_denied_call_ends_at_once() {
    let issuer = issuer(2, false);
    let (task, _) = task(&issuer, None).await;
    assert_eq!(code(&task).await, "approval_denied");
    assert_eq!((issuer.minted(), issuer.withdrawn()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_no_longer_than_its_tool_may_take() {
    let issuer = issuer(usize::MAX, true);
    let (task, _) = task(&issuer, None).await;
    let start = Instant::now();
    assert_eq!(code(&task).await, "approval_pending");
    assert!(start.elapsed() <= Duration::from_secs(6), "{:?}", start.elapsed());
    task.finish().await.unwrap();
    assert_eq!((issuer.minted(), issuer.withdrawn()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_agent_may_give_the_human_more_time_and_the_tool_keeps_its_own() {
    let issuer = issuer(20, true);
    let (task, _) = task(&issuer, Some(Duration::from_mins(1))).await;
    assert_eq!(task.call("refund", json!({})).await.into_result(), Ok(Value::from(200)));
    let patient = MemoryIssuer::clone(&issuer).approved_by(|_| None);
    let (task, _) = self::task(&patient, Some(Duration::from_mins(1))).await;
    let start = Instant::now();
    assert_eq!(code(&task).await, "approval_pending");
    let waited = start.elapsed().as_secs();
    assert!((58..=62).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_withdraws_what_it_asked_for() {
    let issuer = issuer(usize::MAX, true);
    let (task, told) = task(&issuer, Some(Duration::from_mins(1))).await;
    let call = tokio::time::timeout(Duration::from_secs(3), task.call("refund", json!({})));
    assert!(call.await.is_err());
    assert_eq!(told.lock().unwrap().len(), 1);
    task.finish().await.unwrap();
    assert_eq!((issuer.minted(), issuer.withdrawn()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_human_is_told_what_the_tool_says_of_the_call() {
    let said = Arc::new(Mutex::new(None));
    let hears = Arc::clone(&said);
    let issuer = issuer(0, true).approved_by(move |wish| {
        *hears.lock().unwrap() = wish.summary.as_ref().map(ToString::to_string);
        Some(true)
    });
    let (task, _) = task(&issuer, None).await;
    assert!(task.call("refund", json!({})).await.into_result().is_ok());
    assert_eq!(said.lock().unwrap().as_deref(), Some("pays 5.00 back"));
}
