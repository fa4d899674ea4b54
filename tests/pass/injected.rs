//! What the program fills in: credentials, state and the call.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use agentcred::{CallContext, Nonce, Progress, State, Tool, ToolError, Toolbox, credentialed_tool};
use serde_json::{Value, json};

use crate::stage::{argument_names, call, call_in, nothing, refusal};

trait Mailer: Send + Sync {
    fn sender(&self) -> String;
}

struct Company;

impl Mailer for Company {
    fn sender(&self) -> String {
        "billing".to_owned()
    }
}

/// Remind a customer.
#[credentialed_tool(
    service = "stripe",
    scope = "read:invoices read:customers",
    ttl = "5m",
    uses = 3
)]
async fn remind(
    #[credential(service = "mail", scope = "send", ttl = "20s", uses = 2)] mail: Nonce,
    call: CallContext,
    email: String,
    mailer: State<Arc<dyn Mailer>>,
    limits: State<[u8; 2]>,
    stripe: Nonce,
) -> Result<Value, ToolError> {
    let upstream: Value = stripe.get("/v1/invoices").send().await?.json()?;
    Ok(json!({
        "email": email, "upstream": upstream, "from": mailer.sender(), "limits": limits[1],
        "stripe": [stripe.service(), stripe.scope(), stripe.uses()],
        "mail": [mail.service(), mail.scope(), mail.uses()],
        "agent": call.agent_id().as_str(), "task": call.task_id().as_str(), "call": !call.call_id().as_str().is_empty(),
    }))
}

#[tokio::test]
async fn two_credentials_state_and_the_call_arrive() {
    let toolbox =
        Toolbox::new().with(Remind).state([1_u8, 2]).state::<Arc<dyn Mailer>>(Arc::new(Company));
    let answer = call_in(toolbox, "remind", json!({"email": "ada@example.com"})).await.unwrap();
    assert_eq!(
        answer,
        json!({
            "email": "ada@example.com", "upstream": {"ok": true}, "from": "billing", "limits": 2,
            "stripe": ["stripe", "read:customers read:invoices", 3], "mail": ["mail", "send", 2],
            "agent": "agent", "task": "task-1", "call": true,
        })
    );
}

#[test]
fn the_definition_lists_what_is_injected_and_the_schema_does_not() {
    let definition = Remind.definition();
    assert_eq!(argument_names(&Remind), ["email"]);
    let schema = definition.input_schema.to_string();
    for word in ["mail\"", "stripe", "send", "read:", "call", "limits", "mailer", "20s"] {
        assert!(!schema.replace("email", "").contains(word), "{word} stands in {schema}");
    }
    let credentials = definition
        .credentials
        .iter()
        .map(|one| (one.parameter, one.service, one.ttl.as_secs(), one.uses));
    assert_eq!(
        credentials.collect::<Vec<_>>(),
        [("mail", "mail", 20, 2), ("stripe", "stripe", 300, 3)]
    );
    assert_eq!(definition.timeout.as_secs(), 20, "no longer than the shortest nonce");
    assert_eq!(definition.state.len(), 2);
}

/// Find.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) -> Result<bool, ToolError> {
    Ok(stripe.expires_in().as_secs() <= 300)
}

#[tokio::test]
async fn the_model_cannot_fill_in_what_is_injected() {
    let message = "there is an argument that this tool does not take; it takes none";
    for key in ["stripe", "nonce", "agent_id", "task_id", "scope", "_meta", "__proto__", ""] {
        assert_eq!(refusal(Find, json!({ key: "canary" })).await, message);
    }
    assert_eq!(call(Find, nothing()).await.unwrap(), json!(true));
}

/// Count for a while.
#[credentialed_tool(service = "stripe", scope = "x", ttl = "1m", timeout = "1s")]
fn count_until_over(
    call: CallContext,
    ended: State<Sender<u32>>,
    _stripe: Nonce,
) -> Result<u32, ToolError> {
    let mut counted = 0_u32;
    while !call.is_over() {
        counted += 1;
        call.progress(Progress::new(f64::from(counted)).message("counting"));
        std::thread::yield_now();
    }
    ended.send(counted)?;
    Ok(counted)
}

#[tokio::test]
async fn a_sync_tool_reports_progress_and_stops_when_its_call_is_over() {
    let (ended, end) = channel::<u32>();
    let toolbox = Toolbox::new().with(CountUntilOver).state(ended);
    let error = call_in(toolbox, "count_until_over", nothing()).await.unwrap_err();
    assert_eq!(error.code, agentcred::ModelErrorCode::TimedOut);
    assert!(end.recv().unwrap() > 0, "it ran until its call was over, and then ended");
}
