//! A model that names credentials, agents and scopes in its arguments gets nothing minted: the real
//! issuer never hears of the call.

use agentcred::{ModelErrorCode, Nonce, ToolError, credentialed_tool, toolbox};
use serde_json::{Value, json};

use crate::smuggled::{Filter, attempts, honest};
use crate::stage::Stage;
use crate::{count, task};

/// Find invoices.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn find_invoices(email: String, filter: Filter, crm: Nonce) -> Result<Value, ToolError> {
    let lines = filter.lines.unwrap_or_default();
    let prices: Vec<_> = lines.into_iter().map(|line| line.price).collect();
    crm.get(format!("/v1/records/{}", email.len())).send().await?;
    Ok(json!([filter.status, prices]))
}

// Leak channels 3, 6, control within.
#[tokio::test]
async fn the_issuer_hears_nothing_of_a_call_with_smuggled_arguments() {
    let stage = Stage::set(|_| "{}".to_owned()).await;
    let task = task(&stage, "smuggler", toolbox![FindInvoices]).await;
    for attempt in attempts(count("AGENTCRED_SMUGGLED", 2_000)) {
        let outcome = task.call("find_invoices", attempt.arguments.clone()).await;
        let refused = outcome.into_result().expect_err(&attempt.arguments.to_string());
        assert_eq!(refused.code, ModelErrorCode::InvalidArguments, "{}", attempt.arguments);
        assert!(!attempt.is_repeated_in(&refused.message), "{}", attempt.arguments);
    }
    assert_eq!(stage.audited("mint").len() + stage.audited("refusal").len(), 0);
    assert_eq!(stage.heard().tokens().len(), 1, "the task's grant alone");

    // The control: without the smuggled member, the same call is granted.
    assert!(task.call("find_invoices", honest()).await.into_result().is_ok());
    assert_eq!(stage.audited("mint").len(), 1);
}
