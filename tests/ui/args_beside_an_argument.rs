//! One struct takes all arguments or none.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Search {}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(#[tool(args)] search: Search, limit: u32, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
