//! What a running tool reports of its progress goes to the model's side too, and without its nonce.

use std::sync::{Arc, Mutex};

use agentcred::testing::oracle::leaks;
use agentcred::{
    Agent, CallContext, Nonce, Progress, State, ToolError, credentialed_tool, toolbox,
};
use serde_json::json;

use crate::stage::Stage;
use crate::tap::Heard;

/// Report a token of the call: its nonce, or its task's grant.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn report_token(
    prefix: String,
    crm: Nonce,
    call: CallContext,
    heard: State<Heard>,
) -> Result<(), ToolError> {
    crm.get("/v1/records/1").send().await?;
    let tokens = heard.tokens();
    let token = tokens.iter().rfind(|token| token.starts_with(&prefix)).unwrap();
    call.progress(Progress::new(1.0).message(format!("half of {token}")));
    Ok(())
}

// Leak channel 33, control within.
#[tokio::test]
async fn progress_is_reported_without_the_calls_nonce() {
    let stage = Stage::set(|_| "{}".to_owned()).await;
    let reported = Arc::new(Mutex::new(String::new()));
    let listener = Arc::clone(&reported);
    let agent = Agent::builder("crowd")
        .issuer(stage.issuer())
        .tools(toolbox![ReportToken].state(stage.heard().clone()))
        .on_progress(move |_, progress| *listener.lock().unwrap() = format!("{progress:?}"));
    let task = agent.build().unwrap().task("reporting").await.unwrap();
    let shown = |prefix: &str| {
        let tokens = stage.heard().tokens();
        let token = tokens.iter().rfind(|token| token.starts_with(prefix)).unwrap();
        leaks(reported.lock().unwrap().as_bytes(), token)
    };
    assert!(task.call("report_token", json!({"prefix": "acn_"})).await.into_result().is_ok());
    assert!(reported.lock().unwrap().contains("half of") && !shown("acn_"));

    // The control: a secret that is not the call's is not looked for, and the judge finds it.
    assert!(task.call("report_token", json!({"prefix": "acg_"})).await.into_result().is_ok());
    assert!(shown("acg_"));
}
