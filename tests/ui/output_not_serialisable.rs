//! An output is JSON with a schema.

#![allow(unused)]

use agentcred::{Nonce, ToolError, credentialed_tool};

struct Customer;

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) -> Result<Customer, ToolError> {
    Ok(Customer)
}

fn main() {}
