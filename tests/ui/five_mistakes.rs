//! Five mistakes are five messages, and the struct still exists.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool, toolbox};

/// Finds.
#[credentialed_tool(service = "Stripe", scope = "", ttl = "5 minutes", colour = "red")]
async fn find(email: &str, stripe: Nonce) -> Result<u32, ToolError> {
    let count = email.len();
    drop(stripe);
    Ok(u32::try_from(count)?)
}

fn main() {
    let _ = toolbox![Find];
    let _ = find;
}
