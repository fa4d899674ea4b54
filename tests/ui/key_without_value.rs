//! A key that needs a value says so.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope, ttl =)]
async fn find(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
