//! A tool returns a `Result`.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) {
    
}

fn main() {}
