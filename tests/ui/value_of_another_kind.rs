//! Texts are literals, so that a review and `grep` find every scope.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

const SCOPE: &str = "read:customers";

/// Finds.
#[credentialed_tool(service = stripe, scope = SCOPE, ttl = 300, uses = "2", title = concat!("Find", "!"), name = 3, description = text, crate = 3, struct)]
async fn find(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
