//! Amazon Bedrock: tool specifications of Converse.

use serde_json::{Value, json};

use super::anthropic;
use super::error::Obstacle;
use super::published::Published;

pub(super) fn specification(tool: &Published<'_>) -> Result<Value, Obstacle> {
    // Most of its models check names as Anthropic's service does.
    let mut schema = anthropic::input(tool)?.clone();
    // Amazon's own models take `type`, `properties` and `required` at the top, and ignore a tool
    // with more. The check of arguments refuses unknown ones anyway.
    schema.retain(|key, _| ["type", "properties", "required", "$defs"].contains(&key.as_str()));
    let mut specification = json!({"name": tool.name, "description": tool.description});
    specification["inputSchema"]["json"] = schema.into();
    let mut entry = json!({});
    entry["toolSpec"] = specification;
    Ok(entry)
}
