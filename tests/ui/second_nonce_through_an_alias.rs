//! An alias of `Nonce` is a nonce.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

type Token = Nonce;

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce, mail: Token) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
