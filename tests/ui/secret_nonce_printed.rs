//! A nonce is not printed.

#![allow(unused)]

use agentcred::Nonce;

fn print(nonce: &Nonce) -> String {
    format!("{nonce}")
}

fn main() {}
