//! Model Context Protocol: entries of `tools/list`.

use serde_json::{Map, Value, json};

use super::error::Obstacle;
use super::place::Place;
use super::published::Published;
use crate::tool::Hints;

pub(super) fn listing(tool: &Published<'_>) -> Result<Value, Obstacle> {
    let mut listing = json!({"name": tool.name});
    if let Some(title) = tool.title {
        listing["title"] = title.into();
    }
    listing["description"] = tool.description.into();
    listing["inputSchema"] = input(tool)?.into();
    if let Some(output) = tool.output.filter(|output| is_object(output)) {
        listing["outputSchema"] = output.clone();
    }
    let annotations = annotations(tool.hints);
    if !annotations.is_empty() {
        listing["annotations"] = annotations.into();
    }
    Ok(listing)
}

/// The protocol wants `"type": "object"` at the root, and allows a union beside it.
fn input(tool: &Published<'_>) -> Result<Map<String, Value>, Obstacle> {
    let mut schema = tool.input.clone();
    if schema.get("type").is_some_and(|name| name == "object") {
        return Ok(schema);
    }
    let branches = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array());
    if branches.is_some_and(|branches| branches.iter().all(is_object)) {
        schema.shift_insert(0, "type".to_owned(), "object".into());
        return Ok(schema);
    }
    Err(Obstacle::new(&Place::Arguments, "its arguments must be an object"))
}

fn is_object(schema: &Value) -> bool {
    schema.get("type").is_some_and(|name| name == "object")
}

fn annotations(hints: Hints) -> Map<String, Value> {
    let Hints { read_only, destructive, idempotent, open_world } = hints;
    [
        ("readOnlyHint", read_only),
        ("destructiveHint", destructive),
        ("idempotentHint", idempotent),
        ("openWorldHint", open_world),
    ]
    .into_iter()
    .filter_map(|(name, hint)| Some((name.to_owned(), hint?.into())))
    .collect()
}
