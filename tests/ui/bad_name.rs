//! A name is one that every provider accepts.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", name = "find customers")]
async fn space(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", name = "2nd")]
async fn digit(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", name = "")]
async fn empty(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", name = "a.b")]
async fn dot(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", name = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn")]
async fn long(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn größe(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
