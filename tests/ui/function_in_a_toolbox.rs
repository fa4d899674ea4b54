//! The tool is the struct and not the function.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool, toolbox};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {
    let _ = toolbox![find];
}
