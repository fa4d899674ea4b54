//! `#[cfg]` on the function and on its parameters.

use agentcred::{Nonce, Tool, ToolError, credentialed_tool};
use serde_json::{Value, json};

use crate::stage::{argument_names, call};

/// Never there: neither the function nor its struct.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
#[cfg(any())]
async fn sometimes(stripe: Missing) -> Result<u8, ToolError> {
    Ok(1)
}

/// What stands here instead.
#[cfg(not(any()))]
struct Sometimes;

/// Above ours.
#[cfg(any())]
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn never(stripe: Missing) -> Result<u8, ToolError> {
    Ok(1)
}

/// Find by what this build has.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(
    #[cfg(not(any()))] id: u8,
    #[cfg(any())] id: Missing,
    #[cfg(any())]
    #[tool(default = 3)]
    limit: Missing,
    #[cfg(test)] stripe: Nonce,
    #[cfg(not(test))] stripe: Missing,
    #[cfg(any())]
    #[credential(service = "mail", scope = "send", ttl = "1m")]
    mail: Nonce,
) -> Result<Value, ToolError> {
    Ok(json!([id, stripe.service()]))
}

#[tokio::test]
async fn a_parameter_that_is_cut_out_is_no_argument_and_no_credential() {
    let _ = Sometimes;
    assert_eq!(argument_names(&Find), ["id"]);
    assert_eq!(Find.definition().credentials.len(), 1);
    assert_eq!(call(Find, json!({"id": 3})).await.unwrap(), json!([3, "stripe"]));
}
