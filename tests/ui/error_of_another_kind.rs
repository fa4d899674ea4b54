//! An error becomes a `ToolError`.

#![allow(unused)]

use agentcred::{Nonce, credentialed_tool};

struct Problem;

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) -> Result<u32, Problem> {
    Ok(1)
}

fn main() {}
