//! Anthropic: tools of Messages, plain and strict.

use serde_json::{Map, Value, json};

use super::error::Obstacle;
use super::place::{Place, visit_inside};
use super::published::Published;
use super::remark;
use super::union::one_of_as_any_of;

pub(super) fn plain(tool: &Published<'_>) -> Result<Value, Obstacle> {
    let mut entry = json!({"name": tool.name, "description": tool.description});
    entry["input_schema"] = input(tool)?.clone().into();
    Ok(entry)
}

/// Strict where the tool can be and the request still has room for it.
pub(super) fn strict(tool: &Published<'_>, budget: &mut Budget) -> Result<Value, Obstacle> {
    let canonical = input(tool)?;
    let mut schema = Value::Object(canonical.clone());
    let mut cost = Budget { tools: 1, ..Budget::default() };
    let strict =
        make_strict(&mut schema, &Place::Arguments, &mut cost).is_ok() && budget.pay(&cost);
    let mut entry = json!({"name": tool.name, "description": tool.description, "strict": strict});
    entry["input_schema"] = if strict { schema } else { canonical.clone().into() };
    Ok(entry)
}

/// The names of arguments are checked by the service, `^[a-zA-Z0-9_.-]{1,64}$`, and only at the
/// top.
pub(super) fn input<'a>(tool: &Published<'a>) -> Result<&'a Map<String, Value>, Obstacle> {
    let allowed = |name: &str| {
        let mut bytes = name.bytes();
        let fits = (1..=64).contains(&name.len());
        fits && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    let rule = "is a name that this provider refuses; `#[tool(rename = \"..\")]` it to at most 64 \
                letters, digits, _, . and -";
    tool.input_with_names(allowed, rule)
}

/// What the strict tools of one request have used up of its limits.
#[derive(Debug, Default)]
pub(super) struct Budget {
    tools: usize,
    optionals: usize,
    unions: usize,
}

impl Budget {
    const LIMIT: Self = Self { tools: 20, optionals: 24, unions: 16 };

    /// Says whether there was room.
    fn pay(&mut self, cost: &Self) -> bool {
        let after = Self {
            tools: self.tools + cost.tools,
            optionals: self.optionals + cost.optionals,
            unions: self.unions + cost.unions,
        };
        let fits = after.tools <= Self::LIMIT.tools
            && after.optionals <= Self::LIMIT.optionals
            && after.unions <= Self::LIMIT.unions;
        if fits {
            *self = after;
        }
        fits
    }
}

/// What strict mode knows. Anything else that a schema says would be refused.
const KNOWN: &[&str] = &[
    "type",
    "description",
    "default",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "anyOf",
    "enum",
    "const",
    "format",
];

const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// What the model reads in the description instead.
fn is_said_in_words(key: &str, value: &Value) -> bool {
    match key {
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf"
        | "minLength" | "maxLength" | "pattern" | "maxItems" | "uniqueItems" | "not" => true,
        "minItems" => value.as_u64().is_none_or(|count| count > 1),
        "format" => value.as_str().is_some_and(|format| !FORMATS.contains(&format)),
        _ => false,
    }
}

/// Brings a schema into the strict subset and counts what the request limits.
///
/// # Errors
/// When what it accepts cannot be said there.
fn make_strict(schema: &mut Value, place: &Place<'_>, cost: &mut Budget) -> Result<(), Obstacle> {
    let Some(schema) = schema.as_object_mut() else {
        return Err(Obstacle::new(place, "has no schema"));
    };
    one_of_as_any_of(schema, place)?;
    remark::drop_annotations(schema);
    remark::constraints(schema, is_said_in_words);
    refuse_what_strict_lacks(schema, place)?;
    let count = |key: &str| match schema.get(key) {
        Some(Value::Array(names)) => names.len(),
        Some(Value::Object(properties)) => properties.len(),
        _ => 0,
    };
    cost.optionals += count("properties").saturating_sub(count("required"));
    cost.unions += usize::from(schema.contains_key("anyOf"));
    visit_inside(schema, place, |inside, place| make_strict(inside, place, cost))
}

fn refuse_what_strict_lacks(
    schema: &Map<String, Value>,
    place: &Place<'_>,
) -> Result<(), Obstacle> {
    let refuse = |rule| Err(Obstacle::new(place, rule));
    if schema.keys().any(|key| !KNOWN.contains(&key.as_str())) {
        return refuse("uses a keyword that strict mode does not have");
    }
    let is_object = schema.get("type").is_some_and(|name| name == "object");
    if is_object && schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return refuse("is a map or an open object, which strict mode does not have");
    }
    if schema.contains_key("anyOf") == schema.get("type").is_some_and(Value::is_string) {
        return refuse("is neither of one type nor a plain union");
    }
    if schema.get("type").is_some_and(|name| name == "array") && !schema.contains_key("items") {
        return refuse("is an array of anything, which strict mode does not have");
    }
    let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    if values.chain(schema.get("const")).any(|value| value.is_object() || value.is_array()) {
        return refuse("lists values that are objects or arrays, which strict mode does not have");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(schema: Value) -> Result<(Value, Budget), Obstacle> {
        let (mut schema, mut cost) = (schema, Budget::default());
        make_strict(&mut schema, &Place::Arguments, &mut cost)?;
        Ok((schema, cost))
    }

    #[test]
    fn bounds_move_into_the_description() {
        let schema =
            json!({"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2});
        let expected = json!({
            "type": "array",
            "items": {"type": "integer", "description": "Constraints: minimum 1."},
            "description": "Constraints: minItems 2.",
        });
        assert_eq!(strict(schema).unwrap().0, expected);
    }

    #[test]
    fn optional_arguments_and_unions_are_counted() {
        let schema = json!({
            "type": "object",
            "properties": {
                "a": {"type": "string"},
                "b": {"type": "string"},
                "c": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "required": ["c"],
            "additionalProperties": false,
        });
        let (_, cost) = strict(schema).unwrap();
        assert_eq!((cost.optionals, cost.unions), (2, 1));
    }

    #[test]
    fn a_request_takes_twenty_strict_tools() {
        let mut budget = Budget::default();
        let cost = Budget { tools: 1, ..Budget::default() };
        let strict = (0..30).filter(|_| budget.pay(&cost)).count();
        assert_eq!(strict, 20);
    }

    #[test]
    fn maps_tuples_recursion_and_anything_are_not_strict() {
        for schema in [
            json!({}),
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "string"}}),
            json!({"$ref": "#/$defs/Node"}),
        ] {
            assert!(strict(schema.clone()).is_err(), "{schema}");
        }
    }
}
