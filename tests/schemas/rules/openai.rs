//! OpenAI: what Chat Completions and Responses refuse.

use serde_json::{Value, json};

use super::{
    Rule, claims_strict, has_none_of, is_object_schema, is_plain_object, is_text, is_tool_name,
};
use crate::walk;

/// A rule about the function, wherever it stands, and one about its strict schema.
macro_rules! rules {
    ($name:ident, $function:literal) => {
        pub(super) const $name: &[Rule] = &[
            Rule {
                says: "it is a function",
                holds: |export| export["type"] == "function",
                breaks: |export| export["type"] = "custom".into(),
            },
            Rule {
                says: "its name has at most 64 letters, digits, _ and -",
                holds: |export| is_tool_name(&at(export, $function)["name"], 64),
                breaks: |export| at_mut(export, $function)["name"] = "find customers".into(),
            },
            Rule {
                says: "it has a description",
                holds: |export| is_text(&at(export, $function)["description"]),
                breaks: |export| at_mut(export, $function)["description"] = "".into(),
            },
            Rule {
                says: "strict is said, because an absent one is an attempt at it",
                holds: |export| at(export, $function)["strict"].is_boolean(),
                breaks: |export| at_mut(export, $function)["strict"] = Value::Null,
            },
            Rule {
                says: "the parameters are a plain object",
                holds: |export| is_plain_object(&at(export, $function)["parameters"]),
                breaks: |export| at_mut(export, $function)["parameters"]["anyOf"] = json!([{}]),
            },
            Rule {
                says: "strict: every key is required",
                holds: |export| strict(export, $function, requires_every_key),
                breaks: |export| at_mut(export, $function)["parameters"]["required"] = json!([]),
            },
            Rule {
                says: "strict: every object is closed",
                holds: |export| {
                    strict(export, $function, |schema| {
                        !is_object_schema(schema) || schema["additionalProperties"] == false
                    })
                },
                breaks: |export| {
            first(export, $function, json!({"type": "object", "required": []}))
                },
            },
            Rule {
                says: "strict: no keyword that it does not have",
                holds: |export| strict(export, $function, |schema| has_none_of(schema, MISSING)),
        breaks: |export| first(export, $function, json!({"oneOf": [{"type": "string"}]})),
            },
            Rule {
                says: "strict: every schema has one type or is a union",
                holds: |export| {
                    strict(export, $function, |schema| {
                        schema["type"].is_string() != schema["anyOf"].is_array()
                    })
                },
        breaks: |export| first(export, $function, json!({"type": ["string", "null"]})),
            },
            Rule {
                says: "strict: what a list holds is said",
                holds: |export| {
                    strict(export, $function, |schema| {
                        schema["type"] != "array" || schema["items"].is_object()
                    })
                },
        breaks: |export| first(export, $function, json!({"type": "array"})),
            },
            Rule {
                says: "strict: no references, and so no recursion and no siblings of one",
                holds: |export| strict(export, $function, |schema| schema.get("$ref").is_none()),
        breaks: |export| first(export, $function, json!({"type": "object", "$ref": "#"})),
            },
            Rule {
                says: "strict: only formats that it has",
                holds: |export| {
                    strict(export, $function, |schema| {
                        schema["format"].as_str().is_none_or(|format| FORMATS.contains(&format))
                    })
                },
                breaks: |export| {
            first(export, $function, json!({"type": "string", "format": "uri"}))
                },
            },
            Rule {
                says: "strict: at most 5,000 properties",
                holds: |export| sized(export, $function, |size| size.properties <= 5_000),
                breaks: |export| many(export, $function, 5_001),
            },
            Rule {
                says: "strict: at most 10 levels",
                holds: |export| sized(export, $function, |size| size.depth <= 10),
                breaks: |export| {
                    let nested = (0..11).fold(
                json!({"type": "string"}),
                |inside, _| json!({"type": "array", "items": inside}),
                    );
                    first(export, $function, nested);
                },
            },
            Rule {
                says: "strict: at most 1,000 enum values",
                holds: |export| sized(export, $function, |size| size.values <= 1_000),
                breaks: |export| {
                    let values = (0..1_001).map(|value| value.to_string()).collect::<Vec<_>>();
            first(export, $function, json!({"type": "string", "enum": values}));
                },
            },
            Rule {
                says: "strict: at most 120,000 characters of names and values",
                holds: |export| sized(export, $function, |size| size.characters <= 120_000),
                breaks: |export| {
                    first(
                        export,
                        $function,
                json!({"type": "string", "const": "x".repeat(120_001)}),
                    );
                },
            },
        ];
    };
}

rules!(CHAT, "/function");
rules!(RESPONSES, "");

const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

const MISSING: &[&str] = &[
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "minProperties",
    "maxProperties",
    "prefixItems",
    "contains",
    "uniqueItems",
    "minLength",
    "maxLength",
    "default",
    "examples",
    "$schema",
];

fn at<'a>(export: &'a Value, function: &str) -> &'a Value {
    export.pointer(function).unwrap()
}

fn at_mut<'a>(export: &'a mut Value, function: &str) -> &'a mut Value {
    export.pointer_mut(function).unwrap()
}

/// Puts a schema in the place of the first argument's.
fn first(export: &mut Value, function: &str, schema: Value) {
    let properties = &mut at_mut(export, function)["parameters"]["properties"];
    *properties.as_object_mut().unwrap().values_mut().next().unwrap() = schema;
}

fn many(export: &mut Value, function: &str, count: usize) {
    let properties = (0..count).map(|name| (name.to_string(), json!({"type": "string"})));
    at_mut(export, function)["parameters"]["properties"] = Value::Object(properties.collect());
}

/// Whether a rule holds for each schema, if the export claims to be strict.
fn strict(export: &Value, function: &str, rule: impl Fn(&Value) -> bool) -> bool {
    !claims_strict(export) || walk::all(&at(export, function)["parameters"], rule)
}

fn requires_every_key(schema: &Value) -> bool {
    let Some(properties) = schema["properties"].as_object() else { return true };
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    required.len() == properties.len()
        && properties.keys().all(|name| required.iter().any(|key| key == name))
}

#[derive(Default)]
struct Size {
    properties: usize,
    depth: usize,
    values: usize,
    characters: usize,
}

fn sized(export: &Value, function: &str, rule: impl Fn(Size) -> bool) -> bool {
    let length = |value: &Value| value.as_str().map_or(0, str::len);
    let mut size = Size::default();
    walk::every(&at(export, function)["parameters"], &mut |schema, depth| {
        size.depth = size.depth.max(depth);
        if let Some(properties) = schema["properties"].as_object() {
            size.properties += properties.len();
            size.characters += properties.keys().map(String::len).sum::<usize>();
        }
        let values = schema["enum"].as_array().map_or(&[][..], Vec::as_slice);
        size.values += values.len();
        size.characters += values.iter().map(length).sum::<usize>() + length(&schema["const"]);
    });
    !claims_strict(export) || rule(size)
}
