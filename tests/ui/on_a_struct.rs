//! The attribute goes on a function.

#![allow(unused)]

use agentcred::credentialed_tool;

/// Finds.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
struct Find {
    email: String,
}

fn main() {}
