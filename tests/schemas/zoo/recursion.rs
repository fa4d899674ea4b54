//! Tools that take types that contain themselves.

#![expect(
    dead_code,
    unused_variables,
    clippy::unused_async,
    reason = "only what the tools declare counts"
)]

use agentcred::{Nonce, ToolError, credentialed_tool};
use schemars::JsonSchema;
use serde::Deserialize;

use super::cage;

cage![Folders, Arithmetic, ChainArguments, TwoTrees, Mutual,];

/// Takes a tree.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn folders(root: Folder, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes an expression.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn arithmetic(value: Expression, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a chain as its arguments.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn chain_arguments(#[tool(args)] chain: Chain, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes two trees of one type, and a chain.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn two_trees(
    first: Folder,
    second: Option<Folder>,
    chain: Option<Chain>,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes types that contain each other.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn mutual(value: Even, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// A folder.
#[derive(Deserialize, JsonSchema)]
struct Folder {
    name: String,
    folders: Vec<Folder>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Expression {
    Number(i32),
    Negated(Box<Expression>),
    Sum(Vec<Expression>),
}

#[derive(Deserialize, JsonSchema)]
struct Chain {
    value: u8,
    next: Option<Box<Chain>>,
}

#[derive(Deserialize, JsonSchema)]
struct Even {
    odd: Option<Box<Odd>>,
}

#[derive(Deserialize, JsonSchema)]
struct Odd {
    even: Option<Box<Even>>,
}
