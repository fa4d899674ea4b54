//! A task that was opened for some of the agent's tools has no others.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::time::Duration;

use agentcred_macros::credentialed_tool;
use agentcred_runtime as agentcred;
use agentcred_runtime::{
    Agent, Dialect, EgressResponse, MemoryIssuer, ModelErrorCode, Nonce, RequestError, Task,
    TaskError, ToolError, toolbox,
};
use http::StatusCode;
use serde_json::json;

/// Count the customers.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:customers", ttl = "1m")]
async fn count_customers(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(stripe.get("/v1/customers/count").fetch().await?)
}

/// Compare customers and invoices.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:customers read:invoices", ttl = "1m")]
async fn compare(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(stripe.get("/v1/difference").fetch().await?)
}

/// Pay out.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "write:payouts", ttl = "1m")]
async fn pay_out(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(stripe.post("/v1/payouts").fetch().await?)
}

fn issuer(status: StatusCode, body: &'static str) -> MemoryIssuer {
    ["read:customers", "read:invoices", "write:payouts"]
        .into_iter()
        .fold(MemoryIssuer::new(move |_| EgressResponse::new(status, body)), |issuer, scope| {
            issuer.grant("stripe", scope)
        })
}

fn agent(issuer: &MemoryIssuer) -> Agent {
    let tools = toolbox![CountCustomers, Compare, PayOut];
    Agent::builder("agent").issuer(issuer.clone()).tools(tools).build().unwrap()
}

fn told(task: &Task) -> Vec<String> {
    let schemas = task.schemas(Dialect::Mcp).unwrap();
    schemas.iter().map(|schema| schema["name"].as_str().unwrap().to_owned()).collect()
}

async fn pays(task: &Task) -> Result<serde_json::Value, ModelErrorCode> {
    task.call("pay_out", json!({})).await.into_result().map_err(|error| error.code)
}

#[tokio::test]
async fn a_task_has_the_tools_that_it_was_opened_for_and_no_others() {
    let issuer = issuer(StatusCode::OK, "7");
    let agent = agent(&issuer);
    let task = agent.task("task-1").only_tools(["compare", "count_customers"]).await.unwrap();
    assert_eq!(told(&task), ["count_customers", "compare"]);
    assert_eq!(pays(&task).await, Err(ModelErrorCode::UnknownTool));
    assert_eq!(issuer.minted(), 0);
    let counted = task.call("count_customers", json!({})).await.into_result();
    assert_eq!((counted.unwrap(), issuer.minted()), (json!(7), 1));

    // The control: without the limit the same call mints and pays.
    let whole = agent.task("task-2").await.unwrap();
    assert_eq!(told(&whole), ["count_customers", "compare", "pay_out"]);
    assert_eq!((pays(&whole).await, issuer.minted()), (Ok(json!(7)), 2));
}

#[tokio::test]
async fn an_orchestrator_of_such_a_task_gets_what_its_tools_need_and_no_more() {
    let issuer = issuer(StatusCode::OK, "7");
    let agent = agent(&issuer);
    let nonce = async |task: &Task, service: &str, scope: &str| {
        task.nonce(service, scope, Duration::from_mins(1)).await.map(drop)
    };
    let task = agent.task("task-1").only_tools(["compare"]).await.unwrap();
    for (service, scope) in [
        ("stripe", "write:payouts"),
        ("stripe", "read:invoices write:payouts"),
        ("crm", "read:invoices"),
    ] {
        let refused = nonce(&task, service, scope).await.unwrap_err();
        assert!(matches!(refused, TaskError::BeyondTools { .. }), "{scope}: {refused}");
        assert!(refused.to_string().contains(scope), "{refused}");
    }
    assert_eq!(issuer.minted(), 0);
    assert!(nonce(&task, "stripe", "read:invoices").await.is_ok());

    // The control: without the limit the policy decides alone.
    let whole = agent.task("task-2").await.unwrap();
    assert!(nonce(&whole, "stripe", "write:payouts").await.is_ok());
    assert_eq!(issuer.minted(), 2);
}

#[tokio::test]
async fn a_task_for_a_tool_that_is_not_there_is_not_opened() {
    let issuer = issuer(StatusCode::OK, "7");
    let refused = agent(&issuer).task("task-1").only_tools(["compare", "sell"]).await.err();
    assert_eq!(refused, Some(TaskError::UnknownTool { tool: "sell".to_owned() }));
    assert_eq!(issuer.opened(), 0);
}

#[tokio::test]
async fn fetching_reads_a_success_and_tells_of_anything_else() {
    let fetched = async |status, body| {
        let task = agent(&issuer(status, body)).task("task-1").await.unwrap();
        let nonce = task.nonce("stripe", "read:customers", Duration::from_mins(1)).await.unwrap();
        nonce.get("/v1/customers/count").fetch::<u32>().await
    };
    assert_eq!(fetched(StatusCode::OK, "7").await, Ok(7));
    let missing = Err(RequestError::Status(StatusCode::NOT_FOUND));
    assert_eq!(fetched(StatusCode::NOT_FOUND, "7").await, missing);
    let misread = fetched(StatusCode::OK, "\"seven\"").await.unwrap_err();
    assert!(matches!(misread, RequestError::Decode { .. }), "{misread}");
    assert!(!misread.to_string().contains("seven"), "{misread}");
}
