//! Where a value departs from its canonical schema: the field, and what was expected there.
//!
//! serde says no without saying where, or says where by repeating what it was sent. This says
//! where in words of the schema only, so that nothing the model wrote comes back to it. It reads
//! what canonical schemas contain; `pattern` and `format` are left to the type.

use serde_json::{Map, Value};

use crate::arguments::{ArgumentError, ArgumentErrorKind};

/// Writes the same arguments in the one way that types read: without the nulls that stand for
/// "left out", which some dialects make a model send, and with `5` for the `5.0` of a client that
/// keeps all numbers as doubles.
pub(crate) fn normalize(schema: &Value, value: &mut Value, root: &Value) {
    let schema = resolve(schema, root);
    match value {
        Value::Object(fields) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let further = schema.get("additionalProperties").filter(|further| further.is_object());
            fields.retain(|name, field| {
                let Some(property) = properties.and_then(|all| all.get(name)) else { return true };
                !field.is_null()
                    || is_required(schema, name)
                    || check(property, field, root, "").is_ok()
            });
            for (name, field) in fields {
                if let Some(each) = properties.and_then(|all| all.get(name)).or(further) {
                    normalize(each, field, root);
                }
            }
        }
        Value::Array(items) => {
            let first = schema.get("prefixItems").and_then(Value::as_array);
            for (index, item) in items.iter_mut().enumerate() {
                let own = first.and_then(|first| first.get(index));
                if let Some(each) = own.or_else(|| schema.get("items")) {
                    normalize(each, item, root);
                }
            }
        }
        Value::Number(number) if schema.get("type").is_some_and(|name| name == "integer") => {
            if let Some(integer) = whole(number) {
                *number = integer.into();
            }
        }
        _ => {}
    }
    normalize_in_branch(schema, value, root);
}

/// The integer that a double stands for exactly, as far as doubles tell integers apart.
fn whole(number: &serde_json::Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let double = number.as_f64().filter(|_| number.is_f64())?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2 to the 53rd")]
    (double.fract() == 0.0 && double.abs() <= EXACT).then_some(double as i64)
}

/// Compares a value with its schema. `path` names the value, and is empty at the root.
///
/// # Errors
/// The first departure.
pub(crate) fn check(
    schema: &Value,
    value: &Value,
    root: &Value,
    path: &str,
) -> Result<(), ArgumentError> {
    let schema = resolve(schema, root);
    if !has_type(schema, value) || !is_listed(schema, value) || !is_within_bounds(schema, value) {
        return Err(mistyped(schema, path));
    }
    check_branches(schema, value, root, path)?;
    match value {
        Value::Object(fields) => check_fields(schema, fields, root, path),
        Value::Array(items) => check_items(schema, items, root, path),
        _ => Ok(()),
    }
}

/// A value of the wrong type at this path, with what the schema wants there.
pub(crate) fn mistyped(schema: &Value, path: &str) -> ArgumentError {
    ArgumentError::new(path, ArgumentErrorKind::Mistyped { expected: expected(schema) })
}

/// What a schema wants, in words.
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
            let mut words = branches.iter().map(expected).collect::<Vec<_>>();
            words.dedup();
            return words.join(" or ");
        }
    }
    let noun = match schema.get("type").and_then(Value::as_str) {
        Some("string") => "a string",
        Some("integer") => "an integer",
        Some("number") => "a number",
        Some("boolean") => "true or false",
        Some("array") => "an array",
        Some("object") => "an object",
        Some("null") => "null",
        _ => "another value",
    };
    match (bound(schema, LOWER), bound(schema, UPPER)) {
        (None, None) => noun.to_owned(),
        (Some(lower), None) => format!("{noun} of at least {lower}"),
        (None, Some(upper)) => format!("{noun} of at most {upper}"),
        (Some(lower), Some(upper)) => format!("{noun} from {lower} to {upper}"),
    }
}

const LOWER: [&str; 3] = ["minimum", "minLength", "minItems"];
const UPPER: [&str; 3] = ["maximum", "maxLength", "maxItems"];

fn bound<'a>(schema: &'a Value, keys: [&str; 3]) -> Option<&'a Value> {
    keys.iter().find_map(|key| schema.get(key))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Follows references. A cycle of nothing but references ends after as many steps as there are
/// definitions, and then accepts everything, as it says nothing.
fn resolve<'a>(mut schema: &'a Value, root: &'a Value) -> &'a Value {
    for _ in 0..64 {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        schema = target.unwrap_or(&Value::Null);
    }
    &Value::Null
}

fn has_type(schema: &Value, value: &Value) -> bool {
    match schema.get("type").and_then(Value::as_str) {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        _ => true,
    }
}

fn is_listed(schema: &Value, value: &Value) -> bool {
    let listed =
        schema.get("enum").and_then(Value::as_array).is_none_or(|values| values.contains(value));
    listed && schema.get("const").is_none_or(|only| only == value)
}

fn is_within_bounds(schema: &Value, value: &Value) -> bool {
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let count = |key: &str| schema.get(key).and_then(Value::as_u64);
    let counted = |count_of: usize, least: &str, most: &str| {
        let actual = u64::try_from(count_of).unwrap_or(u64::MAX);
        count(least).is_none_or(|least| actual >= least)
            && count(most).is_none_or(|most| actual <= most)
    };
    match value {
        Value::Number(actual) => actual.as_f64().is_none_or(|actual| {
            number("minimum").is_none_or(|bound| actual >= bound)
                && number("maximum").is_none_or(|bound| actual <= bound)
                && number("exclusiveMinimum").is_none_or(|bound| actual > bound)
                && number("exclusiveMaximum").is_none_or(|bound| actual < bound)
        }),
        Value::String(text) => counted(text.chars().count(), "minLength", "maxLength"),
        Value::Array(items) => {
            counted(items.len(), "minItems", "maxItems") && !repeats(schema, items)
        }
        _ => true,
    }
}

fn repeats(schema: &Value, items: &[Value]) -> bool {
    schema.get("uniqueItems") == Some(&Value::Bool(true))
        && items.iter().enumerate().any(|(index, item)| items[..index].contains(item))
}

fn check_branches(
    schema: &Value,
    value: &Value,
    root: &Value,
    path: &str,
) -> Result<(), ArgumentError> {
    let branches = |key| schema.get(key).and_then(Value::as_array).into_iter().flatten();
    for all in branches("allOf") {
        check(all, value, root, path)?;
    }
    for key in ["anyOf", "oneOf"] {
        let refusals = branches(key).map(|branch| check(branch, value, root, path));
        let Ok(refusals) = refusals.map(Result::err).collect::<Option<Vec<_>>>().ok_or(()) else {
            continue;
        };
        // The branch that got furthest into the value is the one that was meant.
        if let Some(refusal) = refusals.into_iter().max_by_key(|refusal| refusal.path().len()) {
            return Err(if refusal.path() == path { mistyped(schema, path) } else { refusal });
        }
    }
    Ok(())
}

fn check_fields(
    schema: &Value,
    fields: &Map<String, Value>,
    root: &Value,
    path: &str,
) -> Result<(), ArgumentError> {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let further = schema.get("additionalProperties");
    if further == Some(&Value::Bool(false))
        && fields.keys().any(|name| !properties.contains_key(name))
    {
        let expected = properties.keys().cloned().collect();
        return Err(ArgumentError::new(path, ArgumentErrorKind::Unknown { expected }));
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            return Err(ArgumentError::new(&field(path, name), ArgumentErrorKind::Missing));
        }
    }
    for (name, value) in fields {
        match (properties.get(name), further) {
            (Some(property), _) => check(property, value, root, &field(path, name))?,
            // The key is the model's own and so is not repeated.
            (None, Some(further)) => check(further, value, root, &field(path, "*"))?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn check_items(
    schema: &Value,
    items: &[Value],
    root: &Value,
    path: &str,
) -> Result<(), ArgumentError> {
    let first = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (index, item) in items.iter().enumerate() {
        if let Some(schema) = first.get(index).or_else(|| schema.get("items")) {
            check(schema, item, root, &format!("{path}[{index}]"))?;
        }
    }
    Ok(())
}

fn normalize_in_branch(schema: &Value, value: &mut Value, root: &Value) {
    let branches =
        ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    for branch in branches {
        let mut normal = value.clone();
        normalize(branch, &mut normal, root);
        if check(branch, &normal, root, "").is_ok() {
            *value = normal;
            return;
        }
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(|names| names.iter().any(|key| key == name))
}

fn field(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
