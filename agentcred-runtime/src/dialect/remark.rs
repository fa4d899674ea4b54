//! Words in the description for what a dialect has no keyword for.
//!
//! The model still reads the rule, and the check of arguments still enforces it.

use serde_json::{Map, Value};

/// Moves these keywords into the description, as `Constraints: minLength 1, maxLength 40.`
pub(super) fn constraints(schema: &mut Map<String, Value>, leaves: impl Fn(&str, &Value) -> bool) {
    let leaving = schema
        .iter()
        .filter(|(key, value)| leaves(key, value))
        .map(|(key, value)| (key.clone(), format!("{key} {}", plain(value))))
        .collect::<Vec<_>>();
    if leaving.is_empty() {
        return;
    }
    let mut words = Vec::new();
    for (key, word) in leaving {
        schema.shift_remove(&key);
        words.push(word);
    }
    append(schema, &format!("Constraints: {}.", words.join(", ")));
}

/// Moves the default into the description.
pub(super) fn default(schema: &mut Map<String, Value>, lead: &str) {
    if let Some(default) = schema.shift_remove("default") {
        append(schema, &format!("{lead} {}.", plain(&default)));
    }
}

/// Removes what says nothing that a model needs.
pub(super) fn drop_annotations(schema: &mut Map<String, Value>) {
    let says_nothing = |key: &String| {
        ["examples", "deprecated", "readOnly", "writeOnly", "$comment"].contains(&key.as_str())
    };
    if schema.keys().any(says_nothing) {
        schema.retain(|key, _| !says_nothing(key));
    }
}

fn append(schema: &mut Map<String, Value>, sentence: &str) {
    let description = match schema.get("description").and_then(Value::as_str) {
        Some(description) if !description.is_empty() => format!("{description} {sentence}"),
        _ => sentence.to_owned(),
    };
    schema.insert("description".to_owned(), description.into());
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_constraint_moves_into_the_description() {
        let mut schema = json!({"type": "string", "description": "A name.", "minLength": 1});
        let schema = schema.as_object_mut().unwrap();
        constraints(schema, |key, _| key == "minLength");
        let expected =
            json!({"type": "string", "description": "A name. Constraints: minLength 1."});
        assert_eq!(Value::Object(schema.clone()), expected);
    }

    #[test]
    fn a_default_needs_no_description_to_be_said() {
        let mut schema = json!({"type": "integer", "default": 3});
        default(schema.as_object_mut().unwrap(), "Default:");
        assert_eq!(schema, json!({"type": "integer", "description": "Default: 3."}));
    }
}
