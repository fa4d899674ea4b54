//! A credential goes to a nonce.

#![allow(unused)]

use agentcred::{CallContext, Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(#[credential(service = "mail", scope = "send", ttl = "1m")] email: String, #[credential(service = "mail", scope = "send", ttl = "1m")] call: CallContext, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
