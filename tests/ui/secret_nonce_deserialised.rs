//! A nonce is not read.

#![allow(unused)]

use agentcred::Nonce;

fn read(text: &str) -> Nonce {
    serde_json::from_str(text).unwrap()
}

fn main() {}
