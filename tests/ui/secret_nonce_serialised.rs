//! A nonce is not written.

#![allow(unused)]

use agentcred::Nonce;

fn write(nonce: &Nonce) -> serde_json::Value {
    serde_json::json!({ "nonce": nonce })
}

fn main() {}
