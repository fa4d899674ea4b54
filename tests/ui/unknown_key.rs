//! A slip of the finger is told the key that was meant.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scopes = "read:customers", ttl = "5m", time_out = "3s")]
async fn find(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
