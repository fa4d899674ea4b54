//! A default has the type of its parameter.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(#[tool(default = "ten")] limit: u32, #[tool(default = 10)] email: String, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
