//! A function in an `impl` is none.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

struct Bank;

impl Bank {
    /// Finds.
    #[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
    async fn find(stripe: Nonce) -> Result<u32, ToolError> {
        Ok(1)
    }
}

fn main() {}
