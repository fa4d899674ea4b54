//! A nonce is not compared.

#![allow(unused)]

use agentcred::Nonce;

fn same(left: &Nonce, right: &Nonce) -> bool {
    left == right
}

fn main() {}
