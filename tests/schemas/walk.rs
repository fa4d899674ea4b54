//! Every schema inside a schema, found by JSON Schema's own rules and not by the exporter's.

use serde_json::Value;

/// Shows every schema in this one, itself first, with how many properties and items it is inside.
pub(crate) fn every(schema: &Value, show: &mut impl FnMut(&Value, usize)) {
    at_depth(schema, 0, show);
}

/// Whether a rule holds for every schema in this one.
pub(crate) fn all(schema: &Value, mut rule: impl FnMut(&Value) -> bool) -> bool {
    let mut holds = true;
    every(schema, &mut |schema, _| holds &= rule(schema));
    holds
}

fn at_depth(schema: &Value, depth: usize, show: &mut impl FnMut(&Value, usize)) {
    show(schema, depth);
    let Some(object) = schema.as_object() else { return };
    for (key, value) in object {
        match key.as_str() {
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                let schemas = value.as_object().into_iter().flat_map(|schemas| schemas.values());
                schemas.for_each(|schema| at_depth(schema, depth + 1, show));
            }
            "anyOf" | "oneOf" | "allOf" => {
                let schemas = value.as_array().into_iter().flatten();
                schemas.for_each(|schema| at_depth(schema, depth, show));
            }
            "prefixItems" => {
                let schemas = value.as_array().into_iter().flatten();
                schemas.for_each(|schema| at_depth(schema, depth + 1, show));
            }
            // A boolean here closes or opens the object and is no schema of anything.
            "additionalProperties" | "unevaluatedProperties" if value.is_boolean() => {}
            "items"
            | "additionalProperties"
            | "unevaluatedProperties"
            | "contains"
            | "propertyNames" => at_depth(value, depth + 1, show),
            "not" | "if" | "then" | "else" => at_depth(value, depth, show),
            _ => {}
        }
    }
}
