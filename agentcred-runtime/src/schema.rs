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
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use schemars::JsonSchema;
    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::conform::conform;

    fn input<T: JsonSchema>() -> Value {
        let mut generator = generator(Contract::Input);
        let mut schema = generator.subschema_for::<T>();
        let shared = generator.take_definitions(true);
        if !shared.is_empty() {
            schema.insert("$defs".to_owned(), shared.into());
        }
        canonical(schema.to_value(), Contract::Input)
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum External {
        Unit,
        /// With a doc.
        New(u8),
        Struct {
            at: Option<u16>,
            near: Option<Box<External>>,
        },
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    enum Internal {
        Unit,
        New(Place),
        Struct { id: u8 },
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind", content = "value")]
    enum Adjacent {
        Unit,
        New(Place),
        Pair(u8, String),
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(untagged)]
    enum Untagged {
        Number(i64),
        Place(Place),
        List(Vec<Option<Place>>),
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Place {
        city: String,
        #[serde(default)]
        zip: Option<u32>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Flat {
        id: u8,
        #[serde(flatten)]
        place: Place,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct FlatChoice {
        id: u8,
        #[serde(flatten)]
        choice: Internal,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct FlatRest {
        id: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }

    /// Every schema inside a schema, and itself.
    fn walk(schema: &Value, visit: &mut impl FnMut(&Map<String, Value>)) {
        let Value::Object(object) = schema else { return };
        visit(object);
        for (key, value) in object {
            match (key.as_str(), value) {
                ("properties" | "$defs", Value::Object(schemas)) => {
                    schemas.values().for_each(|schema| walk(schema, visit));
                }
                ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                    schemas.iter().for_each(|schema| walk(schema, visit));
                }
                ("items" | "additionalProperties" | "not", schema) => walk(schema, visit),
                _ => {}
            }
        }
    }

    fn is_canonical<T: JsonSchema>() {
        let schema = input::<T>();
        walk(&schema, &mut |schema| {
            for gone in ["$schema", "title"] {
                assert!(!schema.contains_key(gone), "{gone} in {schema:?}");
            }
            assert!(!schema.get("type").is_some_and(Value::is_array), "{schema:?}");
            let formats = ["date-time", "uuid"];
            let format = schema.get("format").and_then(Value::as_str);
            assert!(format.is_none_or(|format| formats.contains(&format)), "{schema:?}");
            let properties = schema.get("properties").and_then(Value::as_object);
            for property in properties.into_iter().flat_map(Map::values) {
                assert!(property.is_object(), "{property}");
            }
        });
        assert!(!schema.to_string().contains("#/properties"), "{schema}");
    }

    #[test]
    fn every_kind_of_type_becomes_canonical() {
        is_canonical::<External>();
        is_canonical::<Internal>();
        is_canonical::<Adjacent>();
        is_canonical::<Untagged>();
        is_canonical::<Flat>();
        is_canonical::<FlatChoice>();
        is_canonical::<FlatRest>();
        is_canonical::<Vec<Option<(u8, f64, char)>>>();
        is_canonical::<BTreeMap<String, Option<Value>>>();
        is_canonical::<Option<Option<HashSet<i128>>>>();
        is_canonical::<std::time::Duration>();
        is_canonical::<std::net::IpAddr>();
    }

    /// What serde writes of a type, and what it reads back, passes its schema.
    fn agrees<T: Serialize + DeserializeOwned + JsonSchema>(value: &T) {
        let schema = input::<T>();
        let mut written = serde_json::to_value(value).unwrap();
        let before = written.clone();
        conform(&schema, &mut written)
            .unwrap_or_else(|error| panic!("{error}: {before} in {schema}"));
        let read = serde_json::from_value::<T>(written).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), before);
    }

    #[test]
    fn what_serde_writes_the_schema_takes() {
        let place = || Place { city: "Ulm".to_owned(), zip: None };
        agrees(&External::Unit);
        agrees(&External::New(1));
        let near = Some(Box::new(External::Struct { at: Some(1), near: None }));
        agrees(&External::Struct { at: None, near });
        agrees(&Internal::Unit);
        agrees(&Internal::New(place()));
        agrees(&Internal::Struct { id: 1 });
        agrees(&Adjacent::Unit);
        agrees(&Adjacent::New(place()));
        agrees(&Adjacent::Pair(1, "a".to_owned()));
        agrees(&Untagged::Number(-1));
        agrees(&Untagged::List(vec![None, Some(place())]));
        agrees(&Flat { id: 1, place: place() });
        agrees(&FlatChoice { id: 1, choice: Internal::Unit });
        agrees(&FlatChoice { id: 1, choice: Internal::New(place()) });
        agrees(&FlatRest { id: 1, rest: [("a".to_owned(), 2)].into() });
        agrees(&vec![Some((1_u8, 1.5_f64, 'x')), None]);
        agrees(&(u64::MAX, i64::MIN, u32::MAX, i32::MIN));
        agrees(&std::time::Duration::from_millis(1500));
    }

    #[test]
    fn what_is_optional_has_no_null_and_what_may_be_null_keeps_it() {
        assert_eq!(
            input::<Place>(),
            json!({
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "zip": {"type": "integer", "minimum": 0, "maximum": u32::MAX},
                },
                "required": ["city"],
                "additionalProperties": false,
            })
        );
        assert_eq!(
            input::<Vec<Option<bool>>>(),
            json!({"type": "array", "items": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}})
        );
    }

    #[test]
    fn an_object_that_others_add_to_stays_open() {
        let mut value = json!({"id": 1, "kind": "New", "city": "Ulm", "zip": null});
        assert!(conform(&input::<FlatChoice>(), &mut value).is_ok());
        let mut value = json!({"id": 1, "city": "Ulm", "canary": 1});
        assert!(conform(&input::<Flat>(), &mut value).is_err());
    }

    #[test]
    fn a_recursive_type_refers_to_itself_from_the_root() {
        let schema = input::<External>().to_string();
        assert!(schema.contains(r##"{"$ref":"#/$defs/External"}"##), "{schema}");
    }
}
