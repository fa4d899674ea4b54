//! Unions: exclusive ones that may be said as `anyOf`, and those with null.

use serde_json::{Map, Value, json};

use super::error::Obstacle;
use super::place::Place;

/// Writes `oneOf` as `anyOf`, which says the same as long as no value fits two branches.
///
/// # Errors
/// When a value could fit two.
pub(super) fn one_of_as_any_of(
    schema: &mut Map<String, Value>,
    place: &Place<'_>,
) -> Result<(), Obstacle> {
    let Some(Value::Array(branches)) = schema.get("oneOf") else { return Ok(()) };
    let apart = branches.iter().enumerate().all(|(position, branch)| {
        branches[position + 1..].iter().all(|other| are_disjoint(branch, other))
    });
    if schema.contains_key("anyOf") || !apart {
        let rule = "is a union with branches that overlap; give its variants a tag";
        return Err(Obstacle::new(place, rule));
    }
    rename(schema, "oneOf", "anyOf");
    Ok(())
}

/// Adds null to what a schema accepts. What it says about the value stays outside.
pub(super) fn accept_null(schema: &mut Map<String, Value>) {
    let no_value = json!({"type": "null"});
    if schema.get("type").is_some_and(|name| name == "null") {
        return;
    }
    if let Some(Value::Array(branches)) = schema.get_mut("anyOf") {
        if !branches.contains(&no_value) {
            branches.push(no_value);
        }
        return;
    }
    let description = schema.shift_remove("description");
    let value = std::mem::take(schema);
    schema.extend(description.map(|description| ("description".to_owned(), description)));
    schema.insert("anyOf".to_owned(), vec![value.into(), no_value].into());
}

/// Takes null out of a union; says whether it was there. A union of one becomes that one.
pub(super) fn take_null(schema: &mut Map<String, Value>) -> bool {
    let Some(Value::Array(branches)) = schema.get_mut("anyOf") else { return false };
    let before = branches.len();
    branches.retain(|branch| *branch != json!({"type": "null"}));
    let had_null = branches.len() < before;
    if had_null && let [Value::Object(only)] = branches.as_mut_slice() {
        let only = std::mem::take(only);
        schema.shift_remove("anyOf");
        for (key, value) in only {
            // What stands outside, such as the argument's description, is nearer to the use.
            schema.entry(key).or_insert(value);
        }
    }
    had_null
}

/// Renames a keyword without moving it.
pub(super) fn rename(schema: &mut Map<String, Value>, from: &str, to: &str) {
    *schema = std::mem::take(schema)
        .into_iter()
        .map(|(key, value)| (if key == from { to.to_owned() } else { key }, value))
        .collect();
}

/// Whether no value fits both schemas, as far as one can tell from how enums are written: by
/// their types, by their constants, or by the fields that objects must or cannot have.
fn are_disjoint(left: &Value, right: &Value) -> bool {
    if let (Some(left), Some(right)) = (listed(left), listed(right)) {
        return left.iter().all(|value| !right.contains(value));
    }
    match (left.get("type").and_then(Value::as_str), right.get("type").and_then(Value::as_str)) {
        (Some("object"), Some("object")) => objects_are_disjoint(left, right),
        (Some("integer" | "number"), Some("integer" | "number")) | (None, _) | (_, None) => false,
        (Some(left), Some(right)) => left != right,
    }
}

fn objects_are_disjoint(left: &Value, right: &Value) -> bool {
    let requires_what_is_foreign = |one: &Value, other: &Value| {
        let closed = other.get("additionalProperties") == Some(&Value::Bool(false));
        closed && required(one).any(|name| property(other, name).is_none())
    };
    requires_what_is_foreign(left, right)
        || requires_what_is_foreign(right, left)
        || required(left).filter(|name| required(right).any(|other| other == *name)).any(|name| {
            match (property(left, name), property(right, name)) {
                (Some(left), Some(right)) => are_disjoint(left, right),
                _ => false,
            }
        })
}

fn listed(schema: &Value) -> Option<&[Value]> {
    match schema.get("const") {
        Some(only) => Some(std::slice::from_ref(only)),
        None => schema.get("enum").and_then(Value::as_array).map(Vec::as_slice),
    }
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(branches: &Value) -> Result<Value, Obstacle> {
        let mut schema = Map::from_iter([("oneOf".to_owned(), branches.clone())]);
        one_of_as_any_of(&mut schema, &Place::Arguments)?;
        Ok(schema.into())
    }

    #[test]
    fn branches_with_different_tags_become_an_any_of() {
        let cat = json!({"type": "object", "properties": {"kind": {"const": "cat"}}, "required": ["kind"]});
        let dog = json!({"type": "object", "properties": {"kind": {"const": "dog"}}, "required": ["kind"]});
        assert_eq!(converted(&json!([cat, dog])).unwrap(), json!({"anyOf": [cat, dog]}));
    }

    #[test]
    fn closed_objects_with_different_fields_become_an_any_of() {
        let branch = |name: &str| {
            json!({
                "type": "object", "properties": {name: {"type": "string"}}, "required": [name],
                "additionalProperties": false,
            })
        };
        let unit = json!({"type": "string", "enum": ["Unit"]});
        assert!(converted(&json!([branch("a"), branch("b"), unit])).is_ok());
    }

    #[test]
    fn branches_that_overlap_are_refused() {
        let open = json!({"type": "object", "properties": {"a": {}}, "required": ["a"]});
        let other = json!({"type": "object", "properties": {"b": {}}, "required": ["b"]});
        for pair in [
            json!([open, other]),
            json!([{"type": "integer"}, {"type": "number"}]),
            json!([{"type": "string"}, {"enum": ["a"]}]),
            json!([{"enum": ["a", "b"]}, {"enum": ["b"]}]),
        ] {
            assert!(converted(&pair).is_err(), "{pair}");
        }
    }

    #[test]
    fn null_is_added_once_and_can_be_taken_out_again() {
        let plain = json!({"description": "A name.", "type": "string"});
        let mut schema = plain.as_object().unwrap().clone();
        accept_null(&mut schema);
        accept_null(&mut schema);
        let union =
            json!({"description": "A name.", "anyOf": [{"type": "string"}, {"type": "null"}]});
        assert_eq!(Value::Object(schema.clone()), union);
        assert!(take_null(&mut schema));
        assert_eq!(Value::Object(schema), plain);
    }
}
