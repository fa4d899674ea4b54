//! Nor hashed.

#![allow(unused)]

use agentcred::Nonce;

fn set(nonce: Nonce) -> std::collections::HashSet<Nonce> {
    [nonce].into()
}

fn main() {}
