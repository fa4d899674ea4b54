//! A TTL is more than nothing and at most an hour.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "0s")]
async fn zero(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5 minutes")]
async fn words(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "90")]
async fn no_unit(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "25h")]
async fn a_day(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "99999999999999999999h")]
async fn overflow(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "-5m")]
async fn negative(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "1.5h")]
async fn fraction(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "soon")]
async fn no_time(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "")]
async fn empty(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
