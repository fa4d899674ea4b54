//! What a schema says of one value without looking inside it: type, listed values, bounds.

use std::collections::HashSet;

use agentcred_protocol::arguments::ArgumentsHash;
use serde_json::Value;

/// Whether type, listed values and bounds allow a value.
pub(crate) fn allows(schema: &Value, value: &Value) -> bool {
    has_type(schema, value) && is_listed(schema, value) && is_within_bounds(schema, value)
}

/// Whether a value is of the schema's type.
pub(crate) fn has_type(schema: &Value, value: &Value) -> bool {
    match schema.get("type").and_then(Value::as_str) {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("number") => value.is_number(),
        Some("integer") => {
            let is_whole = || value.as_number().is_some_and(|number| whole(number).is_some());
            value.is_i64() || value.is_u64() || is_whole()
        }
        _ => true,
    }
}

/// The integer that a double stands for exactly, as far as doubles tell integers apart.
pub(crate) fn whole(number: &serde_json::Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let double = number.as_f64().filter(|_| number.is_f64())?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2 to the 53rd")]
    (double.fract() == 0.0 && double.abs() <= EXACT).then_some(double as i64)
}

fn is_listed(schema: &Value, value: &Value) -> bool {
    let listed = schema.get("enum").and_then(Value::as_array);
    listed.is_none_or(|values| values.contains(value))
        && schema.get("const").is_none_or(|only| only == value)
}

fn is_within_bounds(schema: &Value, value: &Value) -> bool {
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let counted = |count: usize, least: &str, most: &str| {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        bound(least).is_none_or(|least| count >= least)
            && bound(most).is_none_or(|most| count <= most)
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

/// Whether an item of a set stands in it twice. By hash, because the model decides how many
/// items there are.
fn repeats(schema: &Value, items: &[Value]) -> bool {
    let mut seen = HashSet::new();
    schema.get("uniqueItems") == Some(&Value::Bool(true))
        && !items.iter().all(|item| seen.insert(ArgumentsHash::of(item)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bounds_hold_at_both_ends() {
        let schema = json!({"type": "integer", "minimum": 1, "exclusiveMaximum": 3});
        for (value, allowed) in [(0, false), (1, true), (2, true), (3, false)] {
            assert_eq!(allows(&schema, &json!(value)), allowed, "{value}");
        }
    }

    #[test]
    fn length_is_counted_in_characters_and_items() {
        let text = json!({"type": "string", "minLength": 2, "maxLength": 2});
        assert!(allows(&text, &json!("äö")) && !allows(&text, &json!("ä")));
        let list = json!({"type": "array", "maxItems": 1});
        assert!(allows(&list, &json!([1])) && !allows(&list, &json!([1, 2])));
    }

    #[test]
    fn a_schema_that_says_nothing_allows_everything() {
        for value in [json!(null), json!(1.5), json!([1]), json!({"a": 1})] {
            assert!(allows(&json!({}), &value));
        }
    }
}
