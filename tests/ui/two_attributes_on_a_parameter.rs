//! One attribute is enough.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(#[tool(default = 10)] #[tool(rename = "max")] limit: u32, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
