//! Not inside something else either.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) -> Result<Vec<Option<Nonce>>, ToolError> {
    Ok(vec![Some(stripe)])
}

fn main() {}
