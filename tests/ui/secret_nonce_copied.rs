//! Nor moved and kept.

#![allow(unused)]

use agentcred::Nonce;

fn keep(nonce: Nonce) -> (Nonce, Nonce) {
    (nonce, nonce)
}

fn main() {}
