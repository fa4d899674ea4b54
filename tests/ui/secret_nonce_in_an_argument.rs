//! A nonce is no field of an argument.

#![allow(unused)]

use agentcred::Nonce;

#[derive(serde::Deserialize)]
struct Arguments {
    email: String,
    stripe: Nonce,
}

fn main() {}
