//! A method without a body is no tool.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

trait Bank {
    /// Finds.
    #[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
    fn find(&self, stripe: Nonce) -> Result<u32, ToolError>;
}

fn main() {}
