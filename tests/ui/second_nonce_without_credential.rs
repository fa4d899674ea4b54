//! A further nonce says what it is for.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce, mail: Nonce, calendar: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
