//! A nonce is not text.

#![allow(unused)]

use agentcred::Nonce;

fn text(nonce: &Nonce) -> &str {
    nonce
}

fn string(nonce: &Nonce) -> String {
    nonce.to_string()
}

fn main() {}
