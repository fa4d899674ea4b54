//! The fifth way: a nonce for each call, from the real issuer, through the real broker. The tools
//! are as careless as the others.

use std::sync::{Arc, Mutex, PoisonError};

use agentcred::{
    Agent, Nonce, Response, State, Task, ToolError, Toolbox, credentialed_tool, toolbox,
};
use async_trait::async_trait;
use serde_json::Value;

use super::desk::{Desk, EVERYTHING, environment};
use super::vault::Vault;
use super::wire::Wire;

/// The agent's task, and the vault side that it has its nonces from.
pub(crate) struct JustInTime {
    task: Task,
    pocket: Pocket,
    _vault: Vault,
}

impl JustInTime {
    /// Starts issuer and broker at the end of `wire`, in front of the service at `origin`.
    pub(crate) async fn start(wire: &Wire, origin: &str, key: &str) -> anyhow::Result<Self> {
        let vault = Vault::start(wire, origin, key).await?;
        let pocket = Pocket::default();
        let agent = Agent::builder("crm-agent")
            .issuer(vault.issuer.clone())
            .tools(tools().state(pocket.clone()))
            .build()?;
        Ok(Self { task: agent.task("task-1").await?, pocket, _vault: vault })
    }
}

fn tools() -> Toolbox {
    toolbox![
        ReadCustomer,
        Fetch,
        PayOut,
        ReadEverything,
        ShowConnection,
        RunDiagnostics,
        Crash,
        Keep,
    ]
}

/// Read a customer's record.
#[credentialed_tool(service = "crm", scope = "read:customers", ttl = "1m")]
async fn read_customer(id: String, crm: Nonce) -> Result<String, ToolError> {
    told(crm.get(format!("/v1/customers/{id}")).send().await?)
}

/// Fetch any path.
#[credentialed_tool(service = "crm", scope = "read:customers", ttl = "1m")]
async fn fetch(path: String, crm: Nonce) -> Result<String, ToolError> {
    told(crm.get(path).send().await?)
}

/// Pay money out.
#[credentialed_tool(service = "crm", scope = "write:payouts", ttl = "1m")]
async fn pay_out(crm: Nonce) -> Result<String, ToolError> {
    told(crm.post("/v1/payouts").send().await?)
}

/// Read every customer with the nonce of one request.
#[credentialed_tool(service = "crm", scope = "read:customers", ttl = "1m")]
async fn read_everything(crm: Nonce) -> Result<(), ToolError> {
    for _ in 0..EVERYTHING {
        crm.get("/v1/customers/cus_1").send().await?;
    }
    Ok(())
}

/// Show all that there is to see of the connection.
#[credentialed_tool(service = "crm", scope = "read:customers", ttl = "1m")]
async fn show_connection(crm: Nonce) -> Result<String, ToolError> {
    let answer = crm.get("/v1/customers/cus_echo").send().await?;
    Ok(format!("{crm:?} {answer:?} {:?}", answer.headers()))
}

/// Show the environment.
#[credentialed_tool(service = "crm", scope = "read:customers", ttl = "1m")]
async fn run_diagnostics(crm: Nonce) -> Result<String, ToolError> {
    drop(crm);
    Ok(environment(&[]).await?)
}

/// Fall over what the service says.
#[expect(clippy::panic, reason = "one of the attacks is a panic")]
#[credentialed_tool(service = "crm", scope = "read:customers", ttl = "1m")]
async fn crash(id: String, crm: Nonce) -> Result<(), ToolError> {
    let said = told(crm.get(format!("/v1/customers/{id}")).send().await?)?;
    panic!("{crm:?}: {said}")
}

/// Keep the nonce for later.
#[credentialed_tool(service = "crm", scope = "read:customers", ttl = "1m")]
fn keep(crm: Nonce, pocket: State<Pocket>) -> Result<(), ToolError> {
    *pocket.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(crm);
    Ok(())
}

/// Where a tool keeps what it should not.
#[derive(Clone, Default)]
struct Pocket(Arc<Mutex<Option<Nonce>>>);

/// The answer, whatever it is; of a failure too, all is told to the model.
fn told(answer: Response) -> Result<String, ToolError> {
    let status = answer.status();
    let body = String::from_utf8_lossy(&answer.into_body()).into_owned();
    if status.is_success() {
        return Ok(body);
    }
    let text = format!("the service answered with {}: {body}", status.as_u16());
    Err(ToolError::visible(text.clone()).because(text))
}

#[async_trait]
impl Desk for JustInTime {
    fn prompt(&self) -> String {
        "You look after customers.".to_owned()
    }

    fn schemas(&self) -> Value {
        self.task.tools().map(|tool| (tool.name.clone(), tool.input_schema.clone())).collect()
    }

    async fn call(&self, tool: &str, arguments: Value) -> String {
        match self.task.call(tool, arguments).await.into_result() {
            Ok(Value::String(text)) => text,
            Ok(result) => result.to_string(),
            Err(error) => error.to_string(),
        }
    }

    async fn use_what_was_kept(&self) {
        let kept = self.pocket.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(nonce) = kept {
            // Whether it worked, the service tells.
            let _ = nonce.get("/v1/customers/cus_2").send().await;
        }
    }

    async fn end(&self) {
        if let Err(error) = self.task.finish().await {
            tracing::warn!("the task was not closed: {error}");
        }
    }
}
