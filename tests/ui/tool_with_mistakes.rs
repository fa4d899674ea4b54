//! Keys on a parameter are checked as those on the function.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(#[tool(defualt = 10, description = "")] limit: u32, #[tool(rename = "e mail")] email: String, #[tool] id: String, #[tool = 3] no: u8, #[tool(default, description)] yes: u8, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
