//! A key stands once.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", ttl = "10m", read_only, read_only)]
async fn find(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
