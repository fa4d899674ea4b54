//! A type that nobody can fill in.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

struct Customer;

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(customer: Customer, stripe: Nonce) -> Result<u32, ToolError> {
    Ok(1)
}

fn main() {}
