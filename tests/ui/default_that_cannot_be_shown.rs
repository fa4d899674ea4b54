//! A default stands in the schema.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

#[derive(serde::Deserialize, schemars::JsonSchema)]
enum Status {
    Open,
}

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(#[tool(default = Status::Open)] status: Status, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
