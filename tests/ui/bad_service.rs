//! A service is a lower-case word.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "Stripe", scope = "read:customers", ttl = "5m")]
async fn upper(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "my_api", scope = "read:customers", ttl = "5m")]
async fn underscore(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "", scope = "read:customers", ttl = "5m")]
async fn empty(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "2nd", scope = "read:customers", ttl = "5m")]
async fn digit(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", scope = "read:customers", ttl = "5m")]
async fn long(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "ünicode", scope = "read:customers", ttl = "5m")]
async fn letters(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
