//! OpenAI: tools of Chat Completions and Responses, strict where they can be.

use serde_json::{Map, Value, json};

use super::error::Obstacle;
use super::place::{Place, visit_inside};
use super::published::Published;
use super::remark;
use super::union::{accept_null, one_of_as_any_of};

pub(super) fn chat(tool: &Published<'_>) -> Result<Value, Obstacle> {
    let mut entry = json!({"type": "function"});
    entry["function"] = describe(tool, json!({}))?;
    Ok(entry)
}

pub(super) fn responses(tool: &Published<'_>) -> Result<Value, Obstacle> {
    describe(tool, json!({"type": "function"}))
}

/// Whether a tool is strict is always said: one of the two services takes an absent `strict` as
/// an attempt at it.
fn describe(tool: &Published<'_>, mut function: Value) -> Result<Value, Obstacle> {
    let canonical = tool.plain_input()?;
    let mut schema = Value::Object(canonical.clone());
    let mut size = Size::default();
    let strict = make_strict(&mut schema, &Place::Arguments, &mut size).is_ok() && size.fits();
    function["name"] = tool.name.into();
    function["description"] = tool.description.into();
    function["strict"] = strict.into();
    function["parameters"] = if strict { schema } else { canonical.clone().into() };
    Ok(function)
}

/// What strict mode knows. Anything else that a schema says would be refused.
const KNOWN: &[&str] = &[
    "type",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "anyOf",
    "enum",
    "const",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
];

const FORMATS: [&str; 9] =
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/// What the model reads in the description instead.
fn is_said_in_words(key: &str, value: &Value) -> bool {
    match key {
        "minLength" | "maxLength" | "uniqueItems" | "not" => true,
        "format" => value.as_str().is_some_and(|format| !FORMATS.contains(&format)),
        // Groups that look around or set flags.
        "pattern" => value.as_str().is_some_and(|pattern| pattern.contains("(?")),
        _ => false,
    }
}

/// Brings a schema into the strict subset.
///
/// # Errors
/// When what it accepts cannot be said there.
fn make_strict(schema: &mut Value, place: &Place<'_>, size: &mut Size) -> Result<(), Obstacle> {
    let Some(schema) = schema.as_object_mut() else {
        return Err(Obstacle::new(place, "has no schema"));
    };
    one_of_as_any_of(schema, place)?;
    remark::drop_annotations(schema);
    remark::constraints(schema, is_said_in_words);
    refuse_what_strict_lacks(schema, place)?;
    size.add(schema, place);
    let optional = optional_properties(schema);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties.iter_mut().filter_map(as_schema) {
            let lead = if optional.contains(name) { "Null means the default," } else { "Default:" };
            remark::default(property, lead);
        }
    }
    schema.shift_remove("default");
    visit_inside(schema, place, |inside, place| make_strict(inside, place, size))?;
    require_all(schema, &optional);
    Ok(())
}

fn as_schema<'a>(
    (name, schema): (&'a String, &'a mut Value),
) -> Option<(&'a String, &'a mut Map<String, Value>)> {
    Some((name, schema.as_object_mut()?))
}

fn refuse_what_strict_lacks(
    schema: &Map<String, Value>,
    place: &Place<'_>,
) -> Result<(), Obstacle> {
    let refuse = |rule| Err(Obstacle::new(place, rule));
    if schema.keys().any(|key| !KNOWN.contains(&key.as_str()) && key != "default") {
        return refuse("uses a keyword that strict mode does not have");
    }
    let is_object = schema.get("type").is_some_and(|name| name == "object");
    if is_object && schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return refuse("is a map or an open object, which strict mode does not have");
    }
    let is_union = schema.contains_key("anyOf");
    let is_typed = schema.get("type").is_some_and(Value::is_string);
    if is_union == is_typed {
        return refuse("is neither of one type nor a plain union");
    }
    if schema.get("type").is_some_and(|name| name == "array") && !schema.contains_key("items") {
        return refuse("is an array of anything, which strict mode does not have");
    }
    Ok(())
}

fn optional_properties(schema: &Map<String, Value>) -> Vec<String> {
    let required = schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let properties = schema.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flat_map(Map::keys);
    names.filter(|name| !required.iter().any(|key| key == *name)).cloned().collect()
}

/// Strict mode requires every key. Without null beside its type, the model would have to make up
/// a value for what it wants to leave out.
fn require_all(schema: &mut Map<String, Value>, optional: &[String]) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (_, property) in
        properties.iter_mut().filter_map(as_schema).filter(|(name, _)| optional.contains(name))
    {
        accept_null(property);
    }
    let required = properties.keys().cloned().map(Value::String).collect::<Vec<_>>();
    schema.insert("required".to_owned(), required.into());
}

/// How large a schema is, in what strict mode limits.
#[derive(Default)]
struct Size {
    depth: usize,
    properties: usize,
    enum_values: usize,
    characters: usize,
    longest_enum: usize,
}

impl Size {
    fn fits(&self) -> bool {
        self.depth <= 10
            && self.properties <= 5_000
            && self.enum_values <= 1_000
            && self.characters <= 120_000
            && self.longest_enum <= 15_000
    }

    fn add(&mut self, schema: &Map<String, Value>, place: &Place<'_>) {
        let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
        self.depth = self.depth.max(place.depth());
        if let Some(Value::Object(properties)) = schema.get("properties") {
            self.properties += properties.len();
            self.characters += properties.keys().map(|name| name.chars().count()).sum::<usize>();
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            let characters = values.iter().map(length).sum::<usize>();
            self.enum_values += values.len();
            self.characters += characters;
            // The limit on characters of one enum holds for those of more than 250 values.
            if values.len() > 250 {
                self.longest_enum = self.longest_enum.max(characters);
            }
        }
        self.characters += schema.get("const").map_or(0, length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(schema: Value) -> Result<Value, Obstacle> {
        let (mut schema, mut size) = (schema, Size::default());
        make_strict(&mut schema, &Place::Arguments, &mut size)?;
        Ok(schema)
    }

    #[test]
    fn what_may_be_left_out_is_required_and_may_be_null() {
        let schema = json!({
            "type": "object",
            "properties": {
                "email": {"type": "string"},
                "limit": {"type": "integer", "description": "How many.", "default": 10},
            },
            "required": ["email"],
            "additionalProperties": false,
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "email": {"type": "string"},
                "limit": {
                    "description": "How many. Null means the default, 10.",
                    "anyOf": [{"type": "integer"}, {"type": "null"}],
                },
            },
            "required": ["email", "limit"],
            "additionalProperties": false,
        });
        assert_eq!(strict(schema).unwrap(), expected);
    }

    #[test]
    fn maps_tuples_recursion_and_anything_are_not_strict() {
        for schema in [
            json!({}),
            json!({"type": "object"}),
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "array"}),
            json!({"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "string"}}),
            json!({"$ref": "#/$defs/Node"}),
            json!({"type": ["string", "null"]}),
            json!({"type": "string", "anyOf": [{"type": "string"}]}),
        ] {
            assert!(strict(schema.clone()).is_err(), "{schema}");
        }
    }

    #[test]
    fn a_schema_over_a_limit_is_not_strict() {
        let mut schema = json!({"type": "string"});
        for _ in 0..11 {
            schema = json!({"type": "array", "items": schema});
        }
        let mut size = Size::default();
        make_strict(&mut schema, &Place::Arguments, &mut size).unwrap();
        assert!(!size.fits());
    }
}
