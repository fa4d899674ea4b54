//! Tools that take one value of each JSON type, and what Rust makes of it.

#![expect(unused_variables, clippy::unused_async, reason = "only what the tools declare counts")]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroI16, NonZeroU32};

use agentcred::{Nonce, ToolError, credentialed_tool};
use serde_json::Value;

use super::cage;

cage![
    Nothing,
    Text,
    Truth,
    SmallIntegers,
    Integers,
    LargeIntegers,
    Floats,
    Character,
    Unit,
    Nonzero,
    NonzeroSigned,
    Addresses,
    Anything,
];

/// Takes nothing.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn nothing(canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes text.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn text(value: String, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes true or false.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn truth(value: bool, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes integers with narrow bounds.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn small_integers(a: u8, b: i8, c: u16, d: i16, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes integers of 32 bits.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn integers(a: u32, b: i32, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes integers of 64 bits.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn large_integers(
    a: u64,
    b: i64,
    c: usize,
    d: isize,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes numbers.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn floats(a: f32, b: f64, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes one character.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn character(value: char, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes null.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn unit(value: (), canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes an integer that is not 0.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn nonzero(value: NonZeroU32, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes an integer on either side of 0.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn nonzero_signed(value: NonZeroI16, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes text in standard formats.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn addresses(v4: Ipv4Addr, v6: Ipv6Addr, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes any JSON.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn anything(value: Value, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}
