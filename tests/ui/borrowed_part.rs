//! Nor a part of one.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(email: Option<&str>, tags: Vec<(u8, &'static str, &u8)>, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
