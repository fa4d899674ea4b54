//! Tools that take lists, sets, tuples, arrays and maps.

#![expect(
    dead_code,
    unused_variables,
    clippy::unused_async,
    reason = "only what the tools declare counts"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use agentcred::{Nonce, ToolError, credentialed_tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::cage;

cage![
    List,
    NestedList,
    ListOfStructs,
    Array,
    Set,
    Pair,
    Coordinates,
    Triples,
    WordMap,
    MapOfStructs,
    MapOfLists,
    MapByNumber,
    MapByEnum,
    MapOfAnything,
    ListOfAnything,
];

/// Takes a list.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn list(value: Vec<String>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a list of lists.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn nested_list(value: Vec<Vec<i32>>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a list of structs.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn list_of_structs(lines: Vec<Line>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes exactly three numbers.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn array(value: [f64; 3], canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes different texts.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn set(value: BTreeSet<String>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a pair of different types.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn pair(value: (String, u8), canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a pair of one type.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn coordinates(value: (f64, f64), canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a list of triples.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn triples(
    value: Vec<(String, bool, Option<u32>)>,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a map.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn word_map(value: BTreeMap<String, u32>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a map to structs.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn map_of_structs(value: HashMap<String, Line>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a map to lists.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn map_of_lists(
    value: BTreeMap<String, Vec<u8>>,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a map with numbers for keys.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn map_by_number(value: BTreeMap<u32, String>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a map with an enum for keys.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn map_by_enum(value: HashMap<Region, u32>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes any object.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn map_of_anything(value: Map<String, Value>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Takes any list.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn list_of_anything(value: Vec<Value>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
struct Line {
    price: u32,
    label: Option<String>,
}

#[derive(Deserialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
enum Region {
    North,
    South,
}
