//! Function and struct have two names.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

#[allow(non_snake_case)]
/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn Find(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
