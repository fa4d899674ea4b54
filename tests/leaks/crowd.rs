//! Many tasks at once before the real issuer: no nonce, result or line of the audit crosses from one
//! to another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use agentcred::testing::oracle::Oracle;
use agentcred::{CallContext, Nonce, State, ToolError, credentialed_tool, toolbox};
use serde_json::{Value, json};

use crate::stage::{REAL_KEY, Stage};
use crate::{count, task, upstream};

const TASKS: usize = 64;

/// The task and the call that each nonce was handed to, by the nonce's public name.
#[derive(Clone, Default)]
struct Holders(Arc<Mutex<BTreeMap<String, (String, String)>>>);

/// Ask for one record.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn record(
    id: String,
    crm: Nonce,
    call: CallContext,
    holders: State<Holders>,
) -> Result<Value, ToolError> {
    let holder = (call.task_id().to_string(), call.call_id().to_string());
    let before = holders.0.lock().unwrap().insert(crm.id().to_string(), holder);
    assert_eq!(before, None, "a nonce was handed out twice");
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

    let (total, holders) = (TASKS * calls, holders.0.lock().unwrap().clone());
    println!("{total} calls in {TASKS} tasks");
    let callers: BTreeSet<_> = holders.values().collect();
    assert_eq!((holders.len(), callers.len()), (total, total), "one nonce for one call");
    assert_eq!(stage.heard().nonces().len(), total);
    assert_eq!(stage.live().await, 0);
    for event in ["mint", "use", "answer"] {
        let lines = stage.audited(event);
        assert_eq!(lines.len(), total, "{event}");
        for line in lines {
            let said = |key: &str| line[key].as_str().unwrap().to_owned();
            assert_eq!(holders[&said("nonce_id")], (said("task"), said("tool_call_id")), "{line}");
            let own = format!("/v1/records/{}-", said("task"));
            assert!(event != "use" || said("path").starts_with(&own), "{line}");
        }
    }
    assert!(!key.finds(stage.audit_text().as_bytes()));
    // The control: the same judge finds the key in what the upstream said.
    assert!(
        key.finds(repeating(&format!("GET / HTTP/1.1\r\nauthorization: {REAL_KEY}")).as_bytes())
    );
}
