//! A schema cannot describe what is generic.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find<T>(id: T, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn list<'a>(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn sum(stripe: Nonce) -> Result<u32, ToolError>
where
    String: Clone,
 {
    Ok(1)
}

fn main() {}
