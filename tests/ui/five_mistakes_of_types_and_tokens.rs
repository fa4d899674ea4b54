//! Mistakes that only types show are reported with the others.

#![allow(unused)]

use agentcred::{Nonce, credentialed_tool, toolbox};

struct Customer;

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "25h", uses = 0)]
async fn find(customer: Customer, #[tool(default = "ten")] limit: u32, stripe: Nonce) -> u32 {
    1
}

fn main() {
    let _ = toolbox![Find];
}
