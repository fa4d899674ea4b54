//! Arguments that fit a tool's schema, for calling tools that nobody wrote arguments for.

use serde_json::{Map, Value, json};

/// How deep a schema may refer to itself before optional parts are left out.
const DEEPEST: usize = 6;

/// A value that fits `schema`, with every text being `text`.
pub(super) fn sample(schema: &Value, text: &str) -> Value {
    value(schema, schema, text, 0)
}

fn value(schema: &Value, root: &Value, text: &str, depth: usize) -> Value {
    if let Some(pointer) = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#')) {
        return match root.pointer(pointer) {
            Some(target) if depth < DEEPEST => value(target, root, text, depth + 1),
            _ => Value::Null,
        };
    }
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    for (keyword, position) in [("enum", 0), ("examples", 0)] {
        if let Some(first) = schema[keyword].get(position) {
            return first.clone();
        }
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        if let Some(first) = schema[keyword].get(0) {
            return value(first, root, text, depth + 1);
        }
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") => object(schema, root, text, depth),
        Some("array") if depth < DEEPEST && schema["items"].is_object() => {
            json!([value(&schema["items"], root, text, depth + 1)])
        }
        Some("array") => json!([]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => json!(text),
    }
}

fn object(schema: &Value, root: &Value, text: &str, depth: usize) -> Value {
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let members: Map<_, _> = properties
        .filter(|(name, _)| depth < DEEPEST || required(name))
        .map(|(name, member)| (name.clone(), value(member, root, text, depth + 1)))
        .collect();
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_is_filled_in_and_recursion_ends() {
        let schema = json!({
            "type": "object", "required": ["node"],
            "properties": {
                "email": {"type": "string"}, "limit": {"type": ["integer", "null"], "minimum": 3},
                "status": {"enum": ["open", "paid"]}, "node": {"$ref": "#/$defs/Node"},
            },
            "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
        });
        let sample = sample(&schema, "text");
        assert_eq!(sample["email"], "text");
        assert_eq!(sample["limit"], 3);
        assert_eq!(sample["status"], "open");
        assert!(sample["node"]["next"].is_object());
    }
}
