//! Other attributes on the function, above ours and below.

use agentcred::{Nonce, Tool, ToolError, credentialed_tool};
use serde_json::json;
use tracing::instrument;

use crate::stage::call;

/// Trace below.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
#[instrument]
#[doc = "More."]
async fn trace_below(
    /// Which.
    id: u8,
    stripe: Nonce,
) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(id)
}

#[instrument(skip_all, fields(id), err(Debug))]
#[doc = "Trace above."]
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn trace_above(
    #[tool(default = 7, description = "Which.")] id: u8,
    stripe: Nonce,
) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(id)
}

/// Trace a blocking one.
#[instrument(ret)]
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
fn trace_blocking(stripe: Nonce) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(1)
}

/// An old one.
#[deprecated(note = "use `trace_above`")]
#[must_use = "it is old"]
#[inline]
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
fn old(
    #[expect(unused_variables, reason = "it is old")] id: u8,
    stripe: Nonce,
) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(1)
}

#[tokio::test]
async fn instrument_goes_above_and_below() {
    assert_eq!(call(TraceBelow, json!({"id": 3})).await.unwrap(), json!(3));
    assert_eq!(call(TraceAbove, json!({})).await.unwrap(), json!(7));
    assert_eq!(call(TraceBlocking, json!({})).await.unwrap(), json!(1));
    assert_eq!(TraceBelow.definition().description, "Trace below.\nMore.");
    assert_eq!(TraceAbove.definition().description, "Trace above.");
    for schema in [TraceBelow.definition().input_schema, TraceAbove.definition().input_schema] {
        assert_eq!(schema["properties"]["id"]["description"], json!("Which."));
    }
}

#[tokio::test]
#[expect(deprecated, reason = "the struct is as deprecated as its function")]
async fn a_deprecated_tool_still_runs() {
    assert_eq!(call(Old, json!({"id": 1})).await.unwrap(), json!(1));
}
