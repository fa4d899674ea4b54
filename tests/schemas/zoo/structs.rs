//! Tools that take structs: nested, flattened, bounded, renamed, wrapped.

#![expect(
    dead_code,
    unused_variables,
    clippy::unused_async,
    reason = "only what the tools declare counts"
)]

use std::collections::BTreeMap;

use agentcred::{Nonce, ToolError, credentialed_tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cage;

cage![
    Nested,
    Renaming,
    StructArguments,
    FlattenStruct,
    FlattenArguments,
    FlattenEnum,
    FlattenMap,
    Bounds,
    Patterned,
    Wrapped,
    TupleStruct,
    EmptyStruct,
    Reporting,
    Parts,
];

/// Takes structs in structs.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn nested(value: Outer, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes what is called otherwise in Rust.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn renaming(
    #[tool(rename = "from-date")] from_date: String,
    value: Renamed,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a struct as its arguments.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn struct_arguments(
    #[tool(args)] arguments: Arguments,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a struct with another folded in.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn flatten_struct(value: Flattened, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes folded structs as its arguments.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn flatten_arguments(
    #[tool(args)] given: Flattened,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a struct with an enum folded in.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn flatten_enum(value: FlattenedEnum, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a struct with a map folded in.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn flatten_map(value: FlattenedMap, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes values with bounds.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn bounds(value: Bounded, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes text with a pattern.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn patterned(value: Sku, others: Vec<Sku>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes wrappers that do not show.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn wrapped(
    transparent: Transparent,
    newtype: Newtype,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a struct without names.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn tuple_struct(value: Tuple, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a struct without fields.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn empty_struct(value: Empty, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Returns a struct.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn reporting(canarynonce: Nonce) -> Result<Report, ToolError> {
    Ok(Report { rows: 1, note: None, parts: Vec::new() })
}

/// Returns a list.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn parts(canarynonce: Nonce) -> Result<Vec<Part>, ToolError> {
    Ok(vec![Part::Text { text: String::new() }, Part::Count { count: 0 }])
}

#[derive(Deserialize, JsonSchema)]
struct Outer {
    /// One level down.
    middle: Middle,
    beside: u8,
}

#[derive(Deserialize, JsonSchema)]
struct Middle {
    inner: Vec<Inner>,
}

#[derive(Deserialize, JsonSchema)]
struct Inner {
    innermost: Option<Innermost>,
}

/// As deep as it gets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Innermost {
    value: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    first_name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(alias = "mail")]
    e_mail: Option<String>,
}

/// Find invoices.
#[derive(Deserialize, JsonSchema)]
struct Arguments {
    /// The customer's id.
    customer: String,
    #[serde(default)]
    open_only: bool,
    limit: Option<u8>,
}

#[derive(Deserialize, JsonSchema)]
struct Flattened {
    name: String,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Deserialize, JsonSchema)]
struct Paging {
    page: u32,
    size: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
struct FlattenedEnum {
    name: String,
    #[serde(flatten)]
    by: By,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "lowercase")]
enum By {
    Id { id: u32 },
    Mail { mail: String },
}

#[derive(Deserialize, JsonSchema)]
struct FlattenedMap {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize, JsonSchema)]
struct Bounded {
    #[schemars(range(min = 1, max = 100))]
    percent: u32,
    #[schemars(range(min = -0.5, max = 0.5))]
    offset: f64,
    #[schemars(length(min = 2, max = 4))]
    code: String,
    #[schemars(length(min = 1, max = 3))]
    tags: Vec<String>,
    #[schemars(range(min = 5))]
    least: Option<i64>,
}

/// A stock keeping unit.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("pattern" = "^[A-Z]{2}-[0-9]{2}$"))]
struct Sku(String);

impl TryFrom<String> for Sku {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let follows = match text.as_bytes() {
            [a, b, b'-', c, d] => {
                [a, b].iter().all(|byte| byte.is_ascii_uppercase())
                    && [c, d].iter().all(|byte| byte.is_ascii_digit())
            }
            _ => false,
        };
        if follows { Ok(Self(text)) } else { Err("not a sku") }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
struct Transparent {
    inside: Vec<u8>,
}

#[derive(Deserialize, JsonSchema)]
struct Tuple(String, Option<bool>);

#[derive(Deserialize, JsonSchema)]
struct Newtype(u16);

#[derive(Deserialize, JsonSchema)]
struct Empty {}

#[derive(Serialize, JsonSchema)]
struct Report {
    /// How many rows there are.
    rows: u64,
    note: Option<String>,
    parts: Vec<Part>,
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Part {
    Text { text: String },
    Count { count: i64 },
}
