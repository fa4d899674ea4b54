//! Tools with an Option or a default at every place where one can stand.

#![expect(
    clippy::option_option,
    dead_code,
    unused_variables,
    clippy::unused_async,
    reason = "only what the tools declare counts"
)]

use std::collections::BTreeMap;

use agentcred::{Nonce, ToolError, credentialed_tool};
use schemars::JsonSchema;
use serde::Deserialize;

use super::cage;

cage![
    Optional,
    OptionalNumber,
    Defaults,
    TwiceOptional,
    OptionalList,
    OptionalEnum,
    OptionalStruct,
    OptionsInList,
    OptionsInTuple,
    OptionsInMap,
    OptionsInStruct,
    DefaultsInStruct,
];

/// Takes text or nothing.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn optional(value: Option<String>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a number or nothing.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn optional_number(
    value: Option<u32>,
    /// A truth, if any.
    truth: Option<bool>,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes arguments with defaults.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn defaults(
    /// How many to return.
    #[tool(default = 10)]
    limit: u32,
    #[tool(default = "name".to_owned())] sort: String,
    #[tool(default = vec![1, 2])] pages: Vec<u8>,
    #[tool(default = false)] deep: bool,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes an Option of an Option.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn twice_optional(value: Option<Option<u32>>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a list or nothing, of text or null.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn optional_list(
    value: Option<Vec<Option<String>>>,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a color or nothing.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn optional_enum(value: Option<Color>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a point or nothing.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn optional_struct(value: Option<Point>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes numbers and nulls.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn options_in_list(value: Vec<Option<u32>>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a pair with a number or null.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn options_in_tuple(value: (u8, Option<u8>), canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a map to numbers and nulls.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn options_in_map(
    value: BTreeMap<String, Option<u8>>,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a struct of Options.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn options_in_struct(filter: Filter, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a struct with defaults of its own.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn defaults_in_struct(paging: Paging, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Color {
    Red,
    Green,
}

#[derive(Deserialize, JsonSchema)]
struct Point {
    x: f64,
    y: Option<f64>,
}

/// What to look for.
#[derive(Deserialize, JsonSchema)]
struct Filter {
    /// The least amount.
    least: Option<u32>,
    color: Option<Color>,
    /// Near here.
    near: Option<Point>,
    tags: Option<Vec<String>>,
}

#[derive(Deserialize, JsonSchema)]
struct Paging {
    /// How many on a page.
    #[serde(default = "fifty")]
    size: u8,
    #[serde(default)]
    page: u32,
    #[serde(default)]
    sort: Vec<String>,
}

fn fifty() -> u8 {
    50
}
