//! The fields of the struct have their own attributes.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

#[derive(serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
struct Search {}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(#[tool(args, rename = "search", default = Search {})] search: Search, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
