//! What a schema wants, in words for a model.

use serde_json::Value;

/// As "an integer from 0 to 100" or "one of `open`, `paid`". It repeats the schema only.
pub(crate) fn expected(schema: &Value) -> String {
    if let Some(value) = schema.get("const") {
        return format!("`{}`", plain(value));
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values = values.iter().map(|value| format!("`{}`", plain(value)));
        return format!("one of {}", values.collect::<Vec<_>>().join(", "));
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(branches) = schema.get(key).and_then(Value::as_array) {
            return either(branches.iter().map(expected));
        }
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => within(schema, "a string", "minLength", "maxLength", " characters"),
        Some("integer") => within(schema, "an integer", "minimum", "maximum", ""),
        Some("number") => within(schema, "a number", "minimum", "maximum", ""),
        Some("array") => within(schema, "an array", "minItems", "maxItems", " items"),
        Some("boolean") => "true or false".to_owned(),
        Some("null") => "null".to_owned(),
        Some("object") => object(schema),
        _ => "another value".to_owned(),
    }
}

/// Several expectations, of which one must hold.
pub(crate) fn either(expected: impl Iterator<Item = String>) -> String {
    let mut words = Vec::new();
    for word in expected {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}

fn object(schema: &Value) -> String {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let names = required.filter_map(Value::as_str).map(|name| format!("`{name}`"));
    match names.collect::<Vec<_>>().join(", ") {
        names if names.is_empty() => "an object".to_owned(),
        names => format!("an object with {names}"),
    }
}

fn within(schema: &Value, noun: &str, least: &str, most: &str, unit: &str) -> String {
    match (schema.get(least), schema.get(most)) {
        (None, None) => noun.to_owned(),
        (Some(least), None) => format!("{noun} of at least {least}{unit}"),
        (None, Some(most)) => format!("{noun} of at most {most}{unit}"),
        (Some(least), Some(most)) if least == most => format!("{noun} of {most}{unit}"),
        (Some(least), Some(most)) if unit.is_empty() => format!("{noun} from {least} to {most}"),
        (Some(least), Some(most)) => format!("{noun} of {least} to {most}{unit}"),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_is_said_in_words() {
        for (schema, words) in [
            (json!({"type": "integer", "minimum": 0, "maximum": 9}), "an integer from 0 to 9"),
            (json!({"type": "string", "maxLength": 3}), "a string of at most 3 characters"),
            (json!({"type": "array", "minItems": 2, "maxItems": 2}), "an array of 2 items"),
            (json!({"enum": ["open", 1, null]}), "one of `open`, `1`, `null`"),
            (json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), "a string or null"),
            (json!({"type": "object", "required": ["a", "b"]}), "an object with `a`, `b`"),
            (json!({}), "another value"),
        ] {
            assert_eq!(expected(&schema), words);
        }
    }
}
