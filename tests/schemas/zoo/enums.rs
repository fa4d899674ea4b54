//! Tools that take enums, in each way in which serde writes them.

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

cage![
    PlainEnum,
    DocumentedEnum,
    ExternalEnum,
    InternalEnum,
    AdjacentEnum,
    UntaggedEnum,
    SingleEnum,
    WrappingEnum,
    ListOfEnums,
    OneOfTwo,
    EnumArguments,
];

/// Takes one of a few words.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn plain_enum(value: Status, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes one of a few words, each with a meaning.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn documented_enum(
    /// When it must be done.
    value: Urgency,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes an enum with its tag outside.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn external_enum(value: Shape, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes an enum with its tag inside.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn internal_enum(value: Event, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes an enum with its tag beside.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn adjacent_enum(value: Setting, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes an enum without a tag.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn untagged_enum(value: Reference, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes the only word there is.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn single_enum(value: Only, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes an enum around other types.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn wrapping_enum(value: Wrapped, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes lists of enums.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn list_of_enums(
    value: Vec<Event>,
    words: Vec<Urgency>,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a Result.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn one_of_two(value: Result<u8, String>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes an enum as its arguments.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn enum_arguments(#[tool(args)] event: Event, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Open,
    InProgress,
    Done,
}

/// How urgent it is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Urgency {
    /// Today.
    High,
    /// This week.
    Low,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Shape {
    /// A round one.
    Circle {
        radius: f64,
    },
    Square {
        side: f64,
        rounded: Option<bool>,
    },
    Named(String),
    Corners(f64, f64),
    Nothing,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Event {
    Created {
        id: u64,
    },
    /// Somebody renamed it.
    Renamed {
        id: u64,
        name: String,
    },
    Closed,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", content = "value", rename_all = "lowercase")]
enum Setting {
    Flag(bool),
    Level(u8),
    Reset,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Reference {
    Id(u64),
    Name(String),
    Both { id: u64, name: String },
}

#[derive(Deserialize, JsonSchema)]
enum Only {
    One,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Wrapped {
    Maybe(Option<u8>),
    List(Vec<Status>),
}
