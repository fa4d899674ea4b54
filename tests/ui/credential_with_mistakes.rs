//! A further credential follows the rules of the first.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce, #[credential(service = "Mail", ttl = "2h", uses = 0, scop = "send")] mail: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
