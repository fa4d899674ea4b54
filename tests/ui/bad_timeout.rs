//! A timeout is written as a TTL is.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", timeout = "30")]
async fn find(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", timeout = "2h")]
async fn list(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
