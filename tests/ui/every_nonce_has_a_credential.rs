//! The credential of the attribute goes to one nonce.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(#[credential(service = "mail", scope = "send", ttl = "1m")] mail: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
