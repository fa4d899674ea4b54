//! Nobody is there to lend an argument.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(email: &str, name: &String, tags: &[String], stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
