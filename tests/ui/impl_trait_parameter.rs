//! A schema needs a type.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(id: impl ToString, ids: Vec<impl ToString>, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
