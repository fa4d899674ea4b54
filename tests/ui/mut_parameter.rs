//! A parameter is not `mut`.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(mut limit: u32, mut stripe: Nonce) -> Result<u32, ToolError> {
    limit += 1;
    Ok(limit)
}

fn main() {}
