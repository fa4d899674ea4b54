//! A call always has its context.

#![allow(unused)]

use agentcred::{CallContext, Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(call: Option<CallContext>, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
