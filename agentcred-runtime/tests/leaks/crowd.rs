//! Many tasks at once: no nonce, request or result crosses from one to another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use agentcred_macros::credentialed_tool;
use agentcred_runtime as agentcred;
use agentcred_runtime::protocol::names::NonceId;
use agentcred_runtime::{
    CallContext, EgressResponse, MemoryIssuer, Nonce, State, ToolError, testing, toolbox,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::count;

const TASKS: usize = 64;

/// Which call has held which nonce.
#[derive(Clone, Default)]
struct Holders(Arc<Mutex<HashMap<NonceId, String>>>);

/// Ask for the record of one task.
#[credentialed_tool(crate = agentcred, service = "crm", scope = "read", ttl = "1m")]
async fn record(
    owner: String,
    crm: Nonce,
    call: CallContext,
    holders: State<Holders>,
) -> Result<Value, ToolError> {
    let before = holders.0.lock().unwrap().insert(crm.id().clone(), call.call_id().to_string());
    assert_eq!(before, None, "a nonce was handed out twice");
    tokio::task::yield_now().await;
    Ok(crm.get(format!("/v1/records/{owner}")).send().await?.json()?)
}

// Leak channel 36.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_crosses_between_tasks() {
    let calls = count("AGENTCRED_CROWD_CALLS", 6_400) / TASKS;
    let holders = Holders::default();
    let issuer = MemoryIssuer::new(|request| {
        EgressResponse::new(StatusCode::OK, json!({"path": request.path}).to_string())
    })
    .grant("crm", "read");
    let running: Vec<_> = (0..TASKS)
        .map(|number| {
            let (issuer, holders) = (issuer.clone(), holders.clone());
            tokio::spawn(async move {
                let toolbox = toolbox![Record].state(holders);
                let task = testing::task(toolbox, &issuer).await.unwrap();
                for call in 0..calls {
                    let owner = format!("{number}-{call}");
                    let outcome = task.call("record", json!({"owner": owner})).await;
                    let own = json!({"path": format!("/v1/records/{owner}")});
                    assert_eq!(outcome.into_result().unwrap(), own);
                }
                task.finish().await.unwrap();
            })
        })
        .collect();
    for task in running {
        task.await.unwrap();
    }
    let total = TASKS * calls;
    assert_eq!((issuer.minted(), issuer.requests(), issuer.live()), (total, total, 0));
    let holders = holders.0.lock().unwrap();
    let callers: std::collections::HashSet<_> = holders.values().collect();
    assert_eq!((holders.len(), callers.len()), (total, total), "one nonce for one call");
}
