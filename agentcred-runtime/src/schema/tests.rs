//! Canonical schemas of every kind of type, compared with what serde writes and reads.

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
                for schema in schemas.values() {
                    walk(schema, visit);
                }
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                for schema in schemas {
                    walk(schema, visit);
                }
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
    conform(&schema, &mut written).unwrap_or_else(|error| panic!("{error}: {before} in {schema}"));
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
