//! An agent whose tools are under test, with an issuer in memory that grants what they ask for.

use agentcred::{Agent, EgressResponse, MemoryIssuer, ModelError, Tool, Toolbox};
use http::StatusCode;
use serde_json::{Value, json};

/// Calls a tool as a model would.
pub(crate) async fn call(tool: impl Tool, arguments: Value) -> Result<Value, ModelError> {
    let name = tool.definition().name;
    call_in(Toolbox::new().with(tool), &name, arguments).await
}

/// Calls one of several tools, or one that takes state.
pub(crate) async fn call_in(
    toolbox: Toolbox,
    name: &str,
    arguments: Value,
) -> Result<Value, ModelError> {
    let upstream = |_: &_| EgressResponse::new(StatusCode::OK, r#"{"ok":true}"#);
    let mut issuer = MemoryIssuer::new(upstream);
    for credential in toolbox.definitions().flat_map(|definition| &definition.credentials) {
        for token in credential.scope.split(' ') {
            issuer = issuer.grant(credential.service, token);
        }
    }
    let agent = Agent::builder("agent").issuer(issuer.clone()).tools(toolbox).build().unwrap();
    let task = agent.task("task-1").await.unwrap();
    let outcome = task.call(name, arguments).await.into_result();
    assert_eq!(issuer.live(), 0, "a nonce outlived its call");
    outcome
}

/// The names of a tool's arguments, in order.
pub(crate) fn argument_names(tool: &impl Tool) -> Vec<String> {
    let schema = tool.definition().input_schema;
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

/// Calls a tool with arguments that it must refuse.
pub(crate) async fn refusal(tool: impl Tool, arguments: Value) -> String {
    call(tool, arguments).await.unwrap_err().message
}

/// No arguments.
pub(crate) fn nothing() -> Value {
    json!({})
}
