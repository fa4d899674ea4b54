//! A nonce is for 1 to 1000 upstream requests.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", uses = 0)]
async fn zero(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", uses = 1001)]
async fn many(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", uses = 99999999999)]
async fn overflow(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", uses = -1)]
async fn negative(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", uses = 2u8)]
async fn suffix(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
