//! A credential needs a service, a scope and a TTL.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool()]
async fn find(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", ttl = "5m")]
async fn list(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
