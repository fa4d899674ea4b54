//! A tool without any parameter has no nonce either.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find() -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
