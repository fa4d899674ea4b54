//! Many tasks at once before the real issuer: no nonce, result or line of the audit crosses from one
//! to another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use agentcred::testing::oracle::Oracle;
use agentcred::{CallContext, Nonce, State, ToolError, credentialed_tool, toolbox};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::stage::{REAL_KEY, Stage};
use crate::{count, task, upstream};

const TASKS: usize = 64;

/// The task and the call that each nonce was handed to, by the nonce's public name.
#[derive(Clone, Default)]
struct Holders(Arc<Mutex<BTreeMap<String, (String, String)>>>);

impl Holders {
    fn hold(&self, nonce: &Nonce, call: &CallContext) {
        let holder = (call.task_id().to_string(), call.call_id().to_string());
        let before = self.0.lock().unwrap().insert(nonce.id().to_string(), holder);
        assert_eq!(before, None, "a nonce was handed out twice");
    }

    /// Whether a line of the audit tells of a nonce that was not in the hands of its own call: each
    /// call asks for a record that is called after its task.
    fn crossed(&self, line: &Value) -> bool {
        let said = |key: &str| line[key].as_str().unwrap().to_owned();
        let holder = self.0.lock().unwrap().get(&said("nonce_id")).cloned();
        let own = format!("/v1/records/{}-", said("task"));
        holder != Some((said("task"), said("tool_call_id")))
            || (line["event"] == "use" && !said("path").starts_with(&own))
    }
}

/// Ask for one record.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn record(
    id: String,
    crm: Nonce,
    call: CallContext,
    holders: State<Holders>,
) -> Result<Value, ToolError> {
    holders.hold(&crm, &call);
    Ok(crm.get(format!("/v1/records/{id}")).send().await?.json()?)
}

/// It answers with the path, and with all that it was sent: the real key.
fn repeating(head: &str) -> String {
    json!({"path": upstream::path(head), "heard": head}).to_string()
}

// Leak channels 36, 37.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_crosses_between_tasks_of_the_real_issuer() {
    let calls = count("AGENTCRED_CROWD_CALLS", 640).div_ceil(TASKS);
    let stage = Stage::set(repeating).await;
    let holders = Holders::default();
    let key = Arc::new(Oracle::new(REAL_KEY));
    let mut running = Vec::new();
    for number in 0..TASKS {
        let name = format!("task-{number}");
        let task = task(&stage, &name, toolbox![Record].state(holders.clone())).await;
        let key = Arc::clone(&key);
        running.push(tokio::spawn(async move {
            for call in 0..calls {
                let id = format!("{name}-{call}");
                let result = task.call("record", json!({"id": id})).await.into_result().unwrap();
                assert_eq!(result["path"], format!("/v1/records/{id}"));
                let text = result.to_string();
                assert!(!text.contains("acn_") && !key.finds(text.as_bytes()), "{text}");
            }
            task.finish().await.unwrap();
        }));
    }
    for task in running {
        task.await.unwrap();
    }

    let (total, held) = (TASKS * calls, holders.0.lock().unwrap().clone());
    println!("{total} calls in {TASKS} tasks");
    let callers: BTreeSet<_> = held.values().collect();
    assert_eq!((held.len(), callers.len()), (total, total), "one nonce for one call");
    assert_eq!(stage.heard().nonces().len(), total);
    assert_eq!(stage.live().await, 0);
    for event in ["mint", "use", "answer"] {
        let lines = stage.audited(event);
        assert_eq!(lines.len(), total, "{event}");
        for line in lines {
            assert!(!holders.crossed(&line), "{line}");
        }
    }
    assert!(!key.finds(stage.audit_text().as_bytes()));
    // The control: the same judge finds the key in what the upstream said.
    assert!(
        key.finds(repeating(&format!("GET / HTTP/1.1\r\nauthorization: {REAL_KEY}")).as_bytes())
    );
}

/// A nonce on its way from one task to another, and where the two meet.
#[derive(Clone)]
struct Lent(Arc<(Mutex<Option<Nonce>>, Barrier)>);

/// Lend the nonce to whoever comes.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn lend(
    crm: Nonce,
    call: CallContext,
    holders: State<Holders>,
    lent: State<Lent>,
) -> Result<(), ToolError> {
    holders.hold(&crm, &call);
    let (nonce, meeting) = &*lent.0;
    *nonce.lock().unwrap() = Some(crm);
    meeting.wait().await;
    // The nonce lives as long as this call.
    meeting.wait().await;
    Ok(())
}

/// Ask for a record with the nonce of another task.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn borrow(
    id: String,
    crm: Nonce,
    call: CallContext,
    holders: State<Holders>,
    lent: State<Lent>,
) -> Result<Value, ToolError> {
    holders.hold(&crm, &call);
    let (nonce, meeting) = &*lent.0;
    meeting.wait().await;
    let borrowed = nonce.lock().unwrap().take().unwrap();
    let record = borrowed.get(format!("/v1/records/{id}")).fetch().await;
    meeting.wait().await;
    Ok(record?)
}

// Leak channel 36: control.
#[tokio::test]
async fn a_nonce_that_crosses_to_another_task_is_noticed() {
    let stage = Stage::set(repeating).await;
    let (holders, lent) = (Holders::default(), Lent(Arc::new((Mutex::default(), Barrier::new(2)))));
    let tools = || toolbox![Record, Lend, Borrow].state(holders.clone()).state(lent.clone());
    let (lender, borrower) =
        (task(&stage, "lender", tools()).await, task(&stage, "borrower", tools()).await);
    let honest = lender.call("record", json!({"id": "lender-0"})).await;
    assert!(honest.into_result().is_ok());
    let (lent, borrowed) = tokio::join!(
        lender.call("lend", json!({})),
        borrower.call("borrow", json!({"id": "borrower-0"})),
    );
    assert!(lent.into_result().is_ok() && borrowed.into_result().is_ok());
    let crossed: Vec<_> = stage.audited("use").iter().map(|line| holders.crossed(line)).collect();
    assert_eq!(crossed, [false, true], "the honest one, and the one with a borrowed nonce");
}
