//! A nonce does not go back to the model.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) -> Result<Nonce, ToolError> {
    Ok(stripe)
}

fn main() {}
