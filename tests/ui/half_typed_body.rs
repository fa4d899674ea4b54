//! A body that is being typed is rustc's to judge, and the struct is there all the while.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(limit: u32, stripe: Nonce) -> Result<u32, ToolError> {
    let customers = stripe.
    
}

fn main() {
    let tool: u8 = Find;
}
