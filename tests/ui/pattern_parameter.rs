//! A parameter has a name.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find((from, to): (u32, u32), _: String, whole @ _: Option<u32>, ref limit: u32, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
