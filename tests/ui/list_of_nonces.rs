//! Each nonce is a parameter of its own.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Vec<Nonce>) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
