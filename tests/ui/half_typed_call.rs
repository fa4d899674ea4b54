//! A name that is not finished is reported where it stands.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(limit: u32, stripe: Nonce) -> Result<u32, ToolError> {
    let customers = strip.ge;
    Ok(limit)
}

fn main() {
    let tool: u8 = Find;
}
