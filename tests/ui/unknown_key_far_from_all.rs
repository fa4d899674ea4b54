//! A key that is like no other is told all keys.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", secret = "sk_live_1")]
async fn find(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
