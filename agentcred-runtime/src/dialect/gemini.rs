//! Gemini: function declarations with JSON Schema.

use serde_json::{Map, Value, json};

use super::error::Obstacle;
use super::place::{Place, visit_inside};
use super::published::Published;
use super::remark;
use super::union::rename;

pub(super) fn declaration(tool: &Published<'_>) -> Result<Value, Obstacle> {
    let mut schema = Value::Object(tool.plain_input()?.clone());
    say_what_is_ignored(&mut schema, &Place::Arguments)?;
    let mut declaration = json!({"name": tool.name, "description": tool.description});
    declaration["parametersJsonSchema"] = schema;
    Ok(declaration)
}

/// Gemini documents `enum` and not `const`, which it ignores; without this, the variants of an
/// enum would lose their tags. What else it does not document is said in words.
fn say_what_is_ignored(schema: &mut Value, place: &Place<'_>) -> Result<(), Obstacle> {
    let Some(schema) = schema.as_object_mut() else { return Ok(()) };
    constant_as_enum(schema);
    remark::constraints(schema, |key, _| ["not", "propertyNames"].contains(&key));
    visit_inside(schema, place, say_what_is_ignored)
}

/// Writes `const` as an `enum` of one, which says the same.
pub(super) fn constant_as_enum(schema: &mut Map<String, Value>) {
    if schema.contains_key("const") && !schema.contains_key("enum") {
        rename(schema, "const", "enum");
        if let Some(only) = schema.get_mut("enum") {
            *only = vec![only.take()].into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_becomes_an_enum_of_one() {
        let mut schema = json!({"properties": {"kind": {"type": "string", "const": "cat"}}});
        say_what_is_ignored(&mut schema, &Place::Arguments).unwrap();
        let expected = json!({"properties": {"kind": {"type": "string", "enum": ["cat"]}}});
        assert_eq!(schema, expected);
    }
}
