//! A nonce is no cause of an error.

#![allow(unused)]

use agentcred::{Nonce, ToolError};

fn fail(nonce: Nonce) -> ToolError {
    ToolError::visible("no").because(nonce)
}

fn main() {}
