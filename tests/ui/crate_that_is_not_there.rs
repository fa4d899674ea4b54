//! A wrong path is one error.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", crate = nowhere)]
async fn find(limit: u32, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
