//! The output too.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) -> Result<impl Sized, ToolError> {
    Ok(1)
}

fn main() {}
