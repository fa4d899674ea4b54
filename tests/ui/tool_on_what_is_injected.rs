//! The model never sees what is injected.

#![allow(unused)]

use agentcred::{CallContext, Nonce, State, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(#[tool(description = "The credential.")] stripe: Nonce, #[tool(rename = "ctx")] call: CallContext, #[tool(args)] db: State<u8>) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
