//! A task's tools in a [rig](https://docs.rs/rig-core) agent. Needs the feature `rig`.

use std::sync::Arc;

use rig_core::message::ToolName;
use rig_core::tool::{DynamicTool, ToolErrorKind, ToolExecutionError, ToolOutput};
use serde_json::{Value, json};

use crate::outcome::{ModelError, ModelErrorCode, ToolOutcome};
use crate::task::Task;
use crate::tool::ToolDefinition;

/// The task's tools, for `AgentBuilder::dynamic_tools` of `rig-agent`.
///
/// Each call that rig makes is a [`Task::call`]: it mints, runs, revokes and redacts. A tool
/// without a name, which no model could call, is left out.
///
/// # Security
/// rig sees name, description, schema, arguments and the redacted outcome. Nothing is put into
/// its `ToolContext`, whose values can be serialised.
pub fn tools(task: &Arc<Task>) -> Vec<DynamicTool> {
    task.tools().filter_map(|definition| tool(task, definition)).collect()
}

fn tool(task: &Arc<Task>, definition: &ToolDefinition) -> Option<DynamicTool> {
    let name = ToolName::new(definition.name.as_str()).ok()?;
    let task = Arc::clone(task);
    let called = definition.name.clone();
    let call = move |arguments: Value| -> Running {
        let (task, called) = (Arc::clone(&task), called.clone());
        Box::pin(async move { said(task.call(&called, arguments).await) })
    };
    let schema = definition.input_schema.clone();
    Some(DynamicTool::new(name, definition.description.clone(), schema, call))
}

type Running = std::pin::Pin<Box<dyn Future<Output = Said> + Send>>;
type Said = Result<ToolOutput, ToolExecutionError>;

fn said(outcome: ToolOutcome) -> Said {
    match outcome {
        ToolOutcome::Output(output) => Ok(ToolOutput::json(output)),
        ToolOutcome::Error(error) => Err(failure(error)),
    }
}

/// The model reads code, message and call id; rig's policies see the kind and the code.
fn failure(error: ModelError) -> ToolExecutionError {
    let kind = match error.code {
        ModelErrorCode::UnknownTool => ToolErrorKind::NotFound,
        ModelErrorCode::InvalidArguments => ToolErrorKind::InvalidArgs,
        ModelErrorCode::NotGranted | ModelErrorCode::ApprovalDenied => {
            ToolErrorKind::PermissionDenied
        }
        ModelErrorCode::IssuerUnavailable => ToolErrorKind::Network,
        ModelErrorCode::TimedOut
        | ModelErrorCode::ApprovalPending
        | ModelErrorCode::ApprovalExpired => ToolErrorKind::Timeout,
        ModelErrorCode::ToolFailed | ModelErrorCode::TaskOver => ToolErrorKind::Other,
    };
    let code = error.code.as_str();
    let shown = json!({
        "code": code,
        "message": error.message,
        "call_id": error.call_id.as_str(),
    });
    ToolExecutionError::new(kind, error.message)
        .with_code(code)
        .with_model_output(ToolOutput::json(shown))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::{
        Agent, ArgumentError, Arguments, CredentialSpec, EgressResponse, Invocation, MemoryIssuer,
        Tool, Toolbox,
    };

    /// Asks the upstream and returns what it answered.
    struct Ask;

    impl Tool for Ask {
        fn definition(&self) -> ToolDefinition {
            let mut definition = ToolDefinition::new("ask", "Asks.");
            definition.credentials = vec![CredentialSpec {
                parameter: "stripe",
                service: "stripe",
                scope: "read:customers",
                ttl: std::time::Duration::from_mins(1),
                uses: 2,
            }];
            definition
        }

        fn prepare(&self, arguments: Arguments) -> Result<Invocation, ArgumentError> {
            arguments.finish()?;
            Ok(Invocation::new(async |mut injection| {
                let nonce = injection.nonces.remove(0);
                Ok(nonce.get("/v1/customers").send().await?.json()?)
            }))
        }
    }

    async fn ask(issuer: MemoryIssuer, arguments: Value) -> (DynamicTool, Said) {
        let agent = Agent::builder("agent").issuer(issuer).tools(Toolbox::new().with(Ask));
        let task = Arc::new(agent.build().unwrap().task("task-1").await.unwrap());
        let tool = tools(&task).remove(0);
        let said = tool.execute(arguments).await;
        (tool, said)
    }

    fn issuer() -> MemoryIssuer {
        MemoryIssuer::new(|_| EgressResponse::new(StatusCode::OK, r#"{"ok":true}"#))
    }

    // Leak channels 1, 33.
    #[tokio::test]
    async fn rig_calls_the_task_and_sees_no_credential_in_the_definition() {
        let issuer = issuer().grant("stripe", "read:customers");
        let (tool, said) = ask(issuer.clone(), json!({})).await;
        assert_eq!(said.unwrap().as_json(), Some(&json!({"ok": true})));
        assert_eq!((issuer.minted(), issuer.live()), (1, 0));
        let definition = serde_json::to_string(&tool.definition()).unwrap();
        assert!(!definition.contains("stripe") && !definition.contains("read:customers"));
    }

    #[tokio::test]
    async fn a_failure_tells_the_model_its_code() {
        let (_, said) = ask(issuer(), json!({})).await;
        let error = said.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::PermissionDenied);
        let shown = error.model_output().as_json().unwrap();
        assert_eq!(shown["code"], "not_granted");
        assert!(shown["call_id"].is_string());
        let (_, said) = ask(issuer(), json!({"stripe": "acn_x"})).await;
        assert_eq!(said.unwrap_err().kind(), ToolErrorKind::InvalidArgs);
    }
}
