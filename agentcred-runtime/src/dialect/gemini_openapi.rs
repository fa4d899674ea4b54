//! Gemini: function declarations with the older schema, a part of `OpenAPI` 3.0.

use serde_json::{Map, Value, json};

use super::error::Obstacle;
use super::gemini::constant_as_enum;
use super::place::{Place, visit_inside};
use super::published::Published;
use super::remark;
use super::union::{one_of_as_any_of, take_null};

pub(super) fn declaration(tool: &Published<'_>) -> Result<Value, Obstacle> {
    let rule = "is a name that this form refuses; `#[tool(rename = \"..\")]` it to a letter or _ and \
                then at most 63 letters, digits and _";
    let allowed = |name: &str| {
        name.len() <= 64
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let mut schema = Value::Object(tool.input_with_names(allowed, rule)?.clone());
    let mut declaration = json!({"name": tool.name, "description": tool.description});
    // Objects without properties are refused, and so a tool without arguments has no parameters.
    if tool.has_arguments() {
        rewrite(&mut schema, &Place::Arguments)?;
        declaration["parameters"] = schema;
    }
    Ok(declaration)
}

/// The keywords of the older schema. Any other is refused by the service.
const KNOWN: &[&str] = &[
    "type",
    "format",
    "description",
    "nullable",
    "enum",
    "properties",
    "required",
    "items",
    "anyOf",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
];

/// What the model reads in the description instead.
fn is_said_in_words(key: &str, value: &Value) -> bool {
    match key {
        "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "uniqueItems" | "not" => true,
        "format" => value != "date-time",
        _ => false,
    }
}

fn rewrite(schema: &mut Value, place: &Place<'_>) -> Result<(), Obstacle> {
    let Some(schema) = schema.as_object_mut() else {
        return Err(Obstacle::new(place, "has no schema"));
    };
    one_of_as_any_of(schema, place)?;
    if take_null(schema) {
        // What was inside the union may itself be one.
        one_of_as_any_of(schema, place)?;
        schema.insert("nullable".to_owned(), Value::Bool(true));
    }
    constant_as_enum(schema);
    remark::drop_annotations(schema);
    remark::constraints(schema, is_said_in_words);
    remark::default(schema, "Default:");
    refuse_what_it_lacks(schema, place)?;
    // It has no open objects, and so no word for closed ones.
    schema.shift_remove("additionalProperties");
    visit_inside(schema, place, rewrite)
}

fn refuse_what_it_lacks(schema: &Map<String, Value>, place: &Place<'_>) -> Result<(), Obstacle> {
    let refuse = |rule| Err(Obstacle::new(place, rule));
    if schema.get("additionalProperties").is_some_and(|further| *further != Value::Bool(false)) {
        return refuse("is a map, and this form has none; use `gemini`, or a list of pairs");
    }
    if schema.contains_key("prefixItems") {
        return refuse("is a tuple, and this form has none; use `gemini`, or a struct");
    }
    if schema.contains_key("$ref") {
        return refuse("contains itself, and this form has no references; use `gemini`");
    }
    let is_union = schema.contains_key("anyOf");
    let named = schema.get("type").and_then(Value::as_str);
    match named {
        None if !is_union => {
            return refuse("takes any value, and this form has no such type; use `gemini`");
        }
        Some("null") => return refuse("is null, and this form has no such type; leave it out"),
        Some("object") if !has_properties(schema) => {
            return refuse("is an object without fields, which this form refuses; leave it out");
        }
        Some("array") if !schema.contains_key("items") => {
            return refuse("is a list of any values, and this form has none; use `gemini`");
        }
        _ => {}
    }
    let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    if values.into_iter().any(|value| !value.is_string()) {
        return refuse("lists values that are not text, and this form has none; use `gemini`");
    }
    let unknown = |key: &&String| {
        !KNOWN.contains(&key.as_str()) && *key != "additionalProperties" && *key != "$defs"
    };
    if (is_union && named.is_some()) || schema.keys().any(|key| unknown(&key)) {
        return refuse("uses a keyword that this form does not have; use `gemini`");
    }
    Ok(())
}

fn has_properties(schema: &Map<String, Value>) -> bool {
    schema.get("properties").and_then(Value::as_object).is_some_and(|all| !all.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(schema: Value) -> Result<Value, Obstacle> {
        let mut schema = schema;
        rewrite(&mut schema, &Place::Arguments)?;
        Ok(schema)
    }

    #[test]
    fn null_becomes_nullable() {
        let schema = json!({"anyOf": [{"type": "string", "format": "uri"}, {"type": "null"}]});
        let expected =
            json!({"type": "string", "nullable": true, "description": "Constraints: format uri."});
        assert_eq!(rewritten(schema).unwrap(), expected);
    }

    #[test]
    fn constants_and_exclusive_unions_are_said_with_what_there_is() {
        let schema = json!({"oneOf": [{"type": "string", "const": "a"}, {"type": "integer"}]});
        let expected = json!({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "integer"}]});
        assert_eq!(rewritten(schema).unwrap(), expected);
    }

    #[test]
    fn what_this_form_lacks_is_refused() {
        for schema in [
            json!({}),
            json!({"type": "null"}),
            json!({"type": "array"}),
            json!({"type": "object", "properties": {}}),
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "array", "prefixItems": [{"type": "string"}]}),
            json!({"$ref": "#/$defs/Node"}),
            json!({"type": "integer", "enum": [1]}),
            json!({"type": "string", "contentEncoding": "base64"}),
        ] {
            assert!(rewritten(schema.clone()).is_err(), "{schema}");
        }
    }
}
