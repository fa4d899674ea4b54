//! Amazon Bedrock: what Converse refuses, and what its own models ignore a tool for.

use serde_json::json;

use super::anthropic::has_plain_keys;
use super::{Rule, is_plain_object, is_text, is_tool_name};

pub(super) const SPECIFICATION: &[Rule] = &[
    Rule {
        says: "its name has at most 64 letters, digits, _ and -",
        holds: |export| is_tool_name(&export["toolSpec"]["name"], 64),
        breaks: |export| export["toolSpec"]["name"] = "x".repeat(65).into(),
    },
    Rule {
        says: "it has a description",
        holds: |export| is_text(&export["toolSpec"]["description"]),
        breaks: |export| export["toolSpec"]["description"] = "".into(),
    },
    Rule {
        says: "the input is a plain object",
        holds: |export| is_plain_object(&export["toolSpec"]["inputSchema"]["json"]),
        breaks: |export| export["toolSpec"]["inputSchema"]["json"]["anyOf"] = json!([{}]),
    },
    Rule {
        says: "at the top stand type, properties, required, and definitions of recursive types",
        holds: |export| {
            let top = export["toolSpec"]["inputSchema"]["json"].as_object().unwrap();
            top.keys()
                .all(|key| ["type", "properties", "required", "$defs"].contains(&key.as_str()))
        },
        breaks: |export| {
            export["toolSpec"]["inputSchema"]["json"]["additionalProperties"] = false.into();
        },
    },
    Rule {
        says: "the arguments' names have at most 64 letters, digits, _, . and -",
        holds: |export| has_plain_keys(&export["toolSpec"]["inputSchema"]["json"]),
        breaks: |export| {
            export["toolSpec"]["inputSchema"]["json"]["properties"]["a b"] = json!({});
        },
    },
    Rule {
        says: "it is not strict unasked",
        holds: |export| export["toolSpec"].get("strict").is_none(),
        breaks: |export| export["toolSpec"]["strict"] = true.into(),
    },
];
