//! The canonical schema: what every export to a model's dialect starts from.
//!
//! Inlined; no `$schema` and no `title`; no booleans where a schema stands; optional means
//! absent from `required`, without null; no formats that only Rust knows, but their bounds; every
//! object with properties closed; no lists of types.

use schemars::SchemaGenerator;
use schemars::generate::{Contract as SerdeContract, SchemaSettings};
use serde_json::{Map, Value, json};

/// Which side of a tool a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contract {
    /// Arguments: what serde accepts.
    Input,
    /// Results: what serde writes. There an absent value is a null that stays.
    Output,
}

/// A generator of schemas that [`canonical`] finishes.
pub(crate) fn generator(contract: Contract) -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.contract = match contract {
        Contract::Input => SerdeContract::Deserialize,
        Contract::Output => SerdeContract::Serialize,
    };
    settings.into_generator()
}

/// Brings a schema into canonical form.
pub(crate) fn canonical(mut schema: Value, contract: Contract) -> Value {
    rewrite(&mut schema, contract, Sealing::Closed);
    schema
}

/// Whether an object is closed here, or open because the schema around it lists more properties.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sealing {
    Closed,
    Open,
}

const COMBINATORS: [&str; 3] = ["anyOf", "oneOf", "allOf"];

fn rewrite(schema: &mut Value, contract: Contract, sealing: Sealing) {
    match schema {
        Value::Bool(true) => *schema = json!({}),
        Value::Bool(false) => *schema = json!({"not": {}}),
        Value::Object(object) => rewrite_object(object, contract, sealing),
        _ => {}
    }
}

fn rewrite_object(schema: &mut Map<String, Value>, contract: Contract, sealing: Sealing) {
    for key in ["$schema", "title"] {
        schema.shift_remove(key);
    }
    if contract == Contract::Input {
        drop_null_from_optionals(schema);
    }
    bound_by_format(schema);
    map_by_pattern(schema);
    split_type_list(schema);
    close(schema, sealing);

    let shared = schema.contains_key("properties")
        && COMBINATORS.iter().any(|key| schema.contains_key(*key));
    let branch = if shared || schema.contains_key("allOf") { Sealing::Open } else { sealing };
    for (key, value) in schema.iter_mut() {
        match (key.as_str(), value) {
            (
                "properties" | "patternProperties" | "$defs" | "dependentSchemas",
                Value::Object(schemas),
            ) => {
                for schema in schemas.values_mut() {
                    rewrite(schema, contract, Sealing::Closed);
                }
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(schemas)) => {
                for schema in schemas {
                    rewrite(schema, contract, branch);
                }
            }
            ("prefixItems", Value::Array(schemas)) => {
                for schema in schemas {
                    rewrite(schema, contract, Sealing::Closed);
                }
            }
            ("items" | "contains" | "propertyNames" | "not" | "if" | "then" | "else", schema)
            | (
                "additionalProperties" | "unevaluatedProperties",
                schema @ (Value::Object(_) | Value::Bool(true)),
            ) => {
                rewrite(schema, contract, Sealing::Closed);
            }
            _ => {}
        }
    }
}

fn close(schema: &mut Map<String, Value>, sealing: Sealing) {
    let says_otherwise = ["additionalProperties", "unevaluatedProperties", "patternProperties"]
        .iter()
        .chain(&COMBINATORS)
        .any(|key| schema.contains_key(*key));
    if sealing == Sealing::Closed && schema.contains_key("properties") && !says_otherwise {
        schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
}

/// An optional property is one that may be absent; that it may be null as well says nothing more
/// and makes models send nulls.
fn drop_null_from_optionals(schema: &mut Map<String, Value>) {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, property) in properties {
        if !required.iter().any(|key| key == name)
            && let Some(property) = property.as_object_mut()
        {
            drop_null(property);
        }
    }
}

fn drop_null(schema: &mut Map<String, Value>) {
    if schema.get("default").is_some_and(Value::is_null) {
        schema.shift_remove("default");
    }
    if let Some(Value::Array(names)) = schema.get_mut("type") {
        names.retain(|name| name != "null");
        if let [only] = names.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    for key in ["anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = schema.get_mut(key) else { continue };
        branches.retain(|branch| *branch != json!({"type": "null"}));
        if branches.len() == 1
            && let Some(Value::Object(only)) = branches.pop()
        {
            schema.shift_remove(key);
            for (key, value) in only {
                // What stands outside, such as the parameter's description, is nearer to the use.
                schema.entry(key).or_insert(value);
            }
        }
    }
}

/// Replaces a format that only Rust knows by the bounds that it stands for. 64-bit bounds are left
/// out: many readers of JSON cannot represent them.
fn bound_by_format(schema: &mut Map<String, Value>) {
    const STANDARD: [&str; 19] = [
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
        "iri",
        "iri-reference",
        "uuid",
        "uri-template",
        "json-pointer",
        "relative-json-pointer",
        "regex",
    ];
    let Some(format) = schema.get("format").and_then(Value::as_str) else { return };
    if STANDARD.contains(&format) {
        return;
    }
    let bounds = match format {
        "uint32" => Some((0, i64::from(u32::MAX))),
        "int32" => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
        _ => None,
    };
    schema.shift_remove("format");
    if let Some((minimum, maximum)) = bounds {
        schema.entry("minimum").or_insert_with(|| minimum.into());
        schema.entry("maximum").or_insert_with(|| maximum.into());
    }
}

/// Writes a closed object with one pattern for its keys, as a map by numbers has it, as a map with
/// a rule about its keys: that is how every other map is said.
fn map_by_pattern(schema: &mut Map<String, Value>) {
    let Some(Value::Object(patterns)) = schema.get("patternProperties") else { return };
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    if let (1, true, false) = (patterns.len(), closed, schema.contains_key("properties"))
        && let Some((pattern, each)) = patterns.iter().next()
    {
        let (names, each) = (json!({"pattern": pattern}), each.clone());
        schema.shift_remove("patternProperties");
        schema.insert("additionalProperties".to_owned(), each);
        schema.insert("propertyNames".to_owned(), names);
    }
}

/// Writes `"type": ["integer", "null"]` as a union, because many clients take only one type.
fn split_type_list(schema: &mut Map<String, Value>) {
    const ABOUT: [&str; 6] =
        ["description", "default", "examples", "deprecated", "readOnly", "writeOnly"];
    let Some(Value::Array(names)) = schema.get("type") else { return };
    let names = names.clone();
    let (about, rules): (Map<_, _>, Map<_, _>) =
        std::mem::take(schema).into_iter().partition(|(key, _)| ABOUT.contains(&key.as_str()));
    let branches = names.into_iter().map(|name| {
        if name == "null" {
            return json!({"type": "null"});
        }
        let mut branch = rules.clone();
        branch.insert("type".to_owned(), name);
        if let Some(Value::Array(values)) = branch.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
        Value::Object(branch)
    });
    let branches = branches.collect::<Vec<_>>();
    *schema = about;
    schema.insert("anyOf".to_owned(), branches.into());
}

#[cfg(test)]
mod tests;
