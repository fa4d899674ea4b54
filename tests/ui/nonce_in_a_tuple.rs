//! A nonce is no part of anything.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(both: (String, Nonce), stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
