//! A model that names credentials, agents and scopes in its arguments is refused, and nothing is
//! minted for it.

use agentcred_macros::credentialed_tool;
use agentcred_runtime as agentcred;
use agentcred_runtime::{
    EgressResponse, MemoryIssuer, ModelErrorCode, Nonce, ToolError, testing, toolbox,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::count;
use crate::smuggled::{Filter, attempts, honest};

/// Find invoices.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:invoices", ttl = "1m")]
async fn find_invoices(email: String, filter: Filter, stripe: Nonce) -> Result<Value, ToolError> {
    let lines = filter.lines.unwrap_or_default();
    let prices: Vec<_> = lines.into_iter().map(|line| line.price).collect();
    let _ = stripe.get("/v1/invoices").query(&[("email", email)]).send().await?;
    Ok(json!([filter.status, prices]))
}

// Leak channels 3, 6, control within.
#[tokio::test]
async fn no_argument_smuggles_a_credential_or_an_identity() {
    let issuer = MemoryIssuer::new(|_| EgressResponse::new(StatusCode::OK, "{}"))
        .grant("stripe", "read:invoices");
    let task = testing::task(toolbox![FindInvoices], &issuer).await.unwrap();
    for attempt in attempts(count("AGENTCRED_SMUGGLED", 5_000)) {
        let outcome = task.call("find_invoices", attempt.arguments.clone()).await;
        let refused = outcome.into_result().expect_err(&attempt.arguments.to_string());
        assert_eq!(refused.code, ModelErrorCode::InvalidArguments, "{}", attempt.arguments);
        let repeated = attempt.is_repeated_in(&refused.message);
        assert!(!repeated, "{}: {}", attempt.arguments, refused.message);
    }
    assert_eq!(issuer.minted(), 0);

    // The control: without the smuggled member, the same call is granted.
    assert!(task.call("find_invoices", honest()).await.into_result().is_ok());
    assert_eq!(issuer.minted(), 1);
}
