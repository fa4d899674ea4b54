//! The struct is new, so its name has no path.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", struct = tools::Find)]
async fn find(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
