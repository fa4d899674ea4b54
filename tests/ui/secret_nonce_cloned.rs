//! A nonce is not copied.

#![allow(unused)]

use agentcred::Nonce;

fn twice(nonce: &Nonce) -> Nonce {
    nonce.clone()
}

fn main() {}
