//! A nonce is taken as it is.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Box<Nonce>, mail: std::sync::Arc<Nonce>) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
