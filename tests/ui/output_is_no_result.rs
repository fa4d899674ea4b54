//! A tool returns a `Result`, so that it can fail.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) -> u32 {
    1
}

fn main() {}
