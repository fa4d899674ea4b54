//! A scope is one or more tokens of RFC 6749, separated by single spaces.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "", ttl = "5m")]
async fn empty(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "  ", ttl = "5m")]
async fn blank(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:a  read:b", ttl = "5m")]
async fn two_spaces(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:a ", ttl = "5m")]
async fn space_after(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:a read:a", ttl = "5m")]
async fn twice(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read\\a", ttl = "5m")]
async fn backslash(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "lesé", ttl = "5m")]
async fn letters(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
