//! Gemini: what function declarations refuse, with JSON Schema and with the older form.

use serde_json::{Value, json};

use super::{Rule, has_none_of, is_plain_object, is_text, is_tool_name};
use crate::walk;

const NAME: Rule = Rule {
    says: "its name has at most 128 letters, digits, _ and -",
    holds: |export| is_tool_name(&export["name"], 128),
    breaks: |export| export["name"] = "".into(),
};

const DESCRIPTION: Rule = Rule {
    says: "it has a description",
    holds: |export| is_text(&export["description"]),
    breaks: |export| export["description"] = Value::Null,
};

pub(super) const JSON_SCHEMA: &[Rule] = &[
    NAME,
    DESCRIPTION,
    Rule {
        says: "there is one schema and not two",
        holds: |export| {
            export.get("parameters").is_none() && export.get("parametersJsonSchema").is_some()
        },
        breaks: |export| export["parameters"] = json!({}),
    },
    Rule {
        says: "the schema is a plain object",
        holds: |export| is_plain_object(&export["parametersJsonSchema"]),
        breaks: |export| export["parametersJsonSchema"]["type"] = "array".into(),
    },
    Rule {
        says: "no keyword that it ignores and that tells values apart",
        holds: |export| {
            has_none_of(&export["parametersJsonSchema"], &["const", "patternProperties"])
        },
        breaks: |export| {
            export["parametersJsonSchema"]["properties"]["kind"] = json!({"const": "cat"});
        },
    },
];

pub(super) const OPEN_API: &[Rule] = &[
    NAME,
    DESCRIPTION,
    Rule {
        says: "there is the older schema or none",
        holds: |export| export.get("parametersJsonSchema").is_none(),
        breaks: |export| export["parametersJsonSchema"] = json!({}),
    },
    Rule {
        says: "only keywords of the older schema",
        holds: |export| {
            every(export, |schema| {
                schema.as_object().unwrap().keys().all(|key| KNOWN.contains(&key.as_str()))
            })
        },
        breaks: |export| first(export, json!({"type": "string", "const": "a"})),
    },
    Rule {
        says: "schemas are objects and not booleans",
        holds: |export| every(export, Value::is_object),
        breaks: |export| first(export, json!({"type": "array", "items": true})),
    },
    Rule {
        says: "one type, or a union",
        holds: |export| {
            every(export, |schema| schema["type"].is_string() != schema["anyOf"].is_array())
        },
        breaks: |export| first(export, json!({"type": ["string", "null"]})),
    },
    Rule {
        says: "no null beside other types",
        holds: |export| every(export, |schema| schema["type"] != "null"),
        breaks: |export| first(export, json!({"anyOf": [{"type": "string"}, {"type": "null"}]})),
    },
    Rule {
        says: "objects have properties",
        holds: |export| {
            every(export, |schema| {
                schema["type"] != "object"
                    || schema["properties"].as_object().is_some_and(|all| !all.is_empty())
            })
        },
        breaks: |export| first(export, json!({"type": "object"})),
    },
    Rule {
        says: "lists say what they hold",
        holds: |export| {
            every(export, |schema| schema["type"] != "array" || schema["items"].is_object())
        },
        breaks: |export| first(export, json!({"type": "array"})),
    },
    Rule {
        says: "enums are of text",
        holds: |export| {
            every(export, |schema| {
                let values = schema["enum"].as_array().into_iter().flatten();
                values.into_iter().all(Value::is_string)
            })
        },
        breaks: |export| first(export, json!({"type": "integer", "enum": [1]})),
    },
    Rule {
        says: "formats of text are date-time",
        holds: |export| {
            every(export, |schema| schema.get("format").is_none_or(|format| format == "date-time"))
        },
        breaks: |export| first(export, json!({"type": "string", "format": "email"})),
    },
    Rule {
        says: "names are of letters, digits and _",
        holds: |export| {
            let names = export["parameters"]["properties"].as_object();
            names.into_iter().flat_map(serde_json::Map::keys).all(|name| {
                name.len() <= 64
                    && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            })
        },
        breaks: |export| {
            export["parameters"]["properties"]["from-date"] = json!({"type": "string"});
        },
    },
];

const KNOWN: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "propertyOrdering",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "anyOf",
];

fn every(export: &Value, rule: impl Fn(&Value) -> bool) -> bool {
    export.get("parameters").is_none_or(|schema| walk::all(schema, rule))
}

fn first(export: &mut Value, schema: Value) {
    let properties = export["parameters"]["properties"].as_object_mut().unwrap();
    *properties.values_mut().next().unwrap() = schema;
}
