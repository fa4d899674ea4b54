//! A tool runs on any thread.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) -> Result<u32, ToolError> {
    let shared = std::rc::Rc::new(1);
    std::future::ready(()).await;
    drop(stripe);
    Ok(*shared)
}

fn main() {}
