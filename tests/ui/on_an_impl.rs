//! Not on a whole `impl`.

#![allow(unused)]

use agentcred::credentialed_tool;

struct Bank;

#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
impl Bank {
    const OPEN: bool = true;
}

fn main() {}
