//! Its arguments too.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};
use std::rc::Rc;

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(label: Rc<str>, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
