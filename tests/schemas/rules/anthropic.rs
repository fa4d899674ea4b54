//! Anthropic: what Messages refuses, of plain and of strict tools.

use agentcred::{Dialect, Toolbox, credentialed_tool};
use serde_json::{Value, json};

use super::{
    Rule, claims_strict, has_none_of, is_object_schema, is_plain_object, is_text, is_tool_name,
};
use crate::{walk, zoo};

const NAME: Rule = Rule {
    says: "its name has at most 64 letters, digits, _ and -",
    holds: |export| is_tool_name(&export["name"], 64),
    breaks: |export| export["name"] = "find.customers".into(),
};

const DESCRIPTION: Rule = Rule {
    says: "it has a description",
    holds: |export| is_text(&export["description"]),
    breaks: |export| export["description"] = " ".into(),
};

const ROOT: Rule = Rule {
    says: "the input is an object without a union at the top",
    holds: |export| is_plain_object(&export["input_schema"]),
    breaks: |export| export["input_schema"]["oneOf"] = json!([{}]),
};

const KEYS: Rule = Rule {
    says: "the arguments' names have at most 64 letters, digits, _, . and -",
    holds: |export| has_plain_keys(&export["input_schema"]),
    breaks: |export| export["input_schema"]["properties"]["größe"] = json!({"type": "string"}),
};

pub(super) const PLAIN: &[Rule] = &[
    NAME,
    DESCRIPTION,
    ROOT,
    KEYS,
    Rule {
        says: "it is not strict unasked",
        holds: |export| export.get("strict").is_none(),
        breaks: |export| export["strict"] = true.into(),
    },
];

pub(super) const STRICT: &[Rule] = &[
    NAME,
    DESCRIPTION,
    ROOT,
    KEYS,
    Rule {
        says: "strict is said",
        holds: |export| export["strict"].is_boolean(),
        breaks: |export| export["strict"] = Value::Null,
    },
    Rule {
        says: "strict: every object is closed",
        holds: |export| {
            strict(export, |schema| {
                !is_object_schema(schema) || schema["additionalProperties"] == false
            })
        },
        breaks: |export| first(export, json!({"type": "object"})),
    },
    Rule {
        says: "strict: no bounds, references, exclusive unions or other keywords that it lacks",
        holds: |export| strict(export, |schema| has_none_of(schema, MISSING)),
        breaks: |export| first(export, json!({"type": "integer", "minimum": 1})),
    },
    Rule {
        says: "strict: at least 0 or 1 items",
        holds: |export| {
            strict(export, |schema| schema["minItems"].as_u64().is_none_or(|count| count <= 1))
        },
        breaks: |export| first(export, json!({"type": "array", "items": {}, "minItems": 2})),
    },
    Rule {
        says: "strict: only formats that it has",
        holds: |export| {
            strict(export, |schema| {
                schema["format"].as_str().is_none_or(|format| FORMATS.contains(&format))
            })
        },
        breaks: |export| first(export, json!({"type": "string", "format": "idn-email"})),
    },
    Rule {
        says: "strict: one type or a union",
        holds: |export| {
            strict(export, |schema| schema["type"].is_string() != schema["anyOf"].is_array())
        },
        breaks: |export| first(export, json!({})),
    },
    Rule {
        says: "strict: enums of plain values",
        holds: |export| {
            strict(export, |schema| {
                let values = schema["enum"].as_array().into_iter().flatten();
                values.into_iter().all(|value| !value.is_object() && !value.is_array())
            })
        },
        breaks: |export| first(export, json!({"type": "object", "enum": [{}]})),
    },
    Rule {
        says: "strict: 24 optional arguments and 16 unions in one request",
        holds: |export| {
            let Used { optionals, unions, .. } = used(std::slice::from_ref(export));
            optionals <= 24 && unions <= 16
        },
        breaks: |export| {
            let names = (0..25).map(|name| (format!("p{name}"), json!({"type": "string"})));
            export["input_schema"]["properties"] = Value::Object(names.collect());
            export["input_schema"]["required"] = json!([]);
        },
    },
];

const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

const MISSING: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "prefixItems",
    "contains",
    "oneOf",
    "not",
    "$ref",
    "$defs",
    "patternProperties",
    "propertyNames",
];

pub(super) fn has_plain_keys(schema: &Value) -> bool {
    schema["properties"].as_object().is_some_and(|properties| {
        properties.keys().all(|name| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            (1..=64).contains(&name.len()) && name.bytes().all(plain)
        })
    })
}

fn first(export: &mut Value, schema: Value) {
    let properties = export["input_schema"]["properties"].as_object_mut().unwrap();
    *properties.values_mut().next().unwrap() = schema;
}

fn strict(export: &Value, rule: impl Fn(&Value) -> bool) -> bool {
    !claims_strict(export) || walk::all(&export["input_schema"], rule)
}

/// What the strict tools of one request use.
#[derive(Default)]
struct Used {
    tools: usize,
    optionals: usize,
    unions: usize,
}

fn used(exports: &[Value]) -> Used {
    let mut used = Used::default();
    for export in exports.iter().filter(|export| claims_strict(export)) {
        used.tools += 1;
        walk::every(&export["input_schema"], &mut |schema, _| {
            let properties = schema["properties"].as_object().map_or(0, serde_json::Map::len);
            used.optionals += properties - schema["required"].as_array().map_or(0, Vec::len);
            used.unions += usize::from(schema["anyOf"].is_array());
        });
    }
    used
}

/// Does nothing.
#[credentialed_tool(service = "stripe", scope = "read:a", ttl = "1m")]
async fn small(a: Option<String>, nonce: agentcred::Nonce) -> Result<(), agentcred::ToolError> {
    let _ = a;
    nonce.get("/").send().await?;
    Ok(())
}

#[test]
fn a_request_stays_within_its_limits_however_many_tools_there_are() {
    let toolbox = (0..50).fold(Toolbox::new(), |toolbox, _| toolbox.with(Small));
    let exports = toolbox.schemas(Dialect::AnthropicStrict).unwrap();
    let Used { tools, optionals, unions } = used(&exports);
    assert_eq!((tools, optionals, unions), (20, 20, 0));
    assert!(exports[20..].iter().all(|export| export["strict"] == false));
}

#[test]
fn most_of_the_zoo_can_be_strict() {
    let strict = zoo::exports().filter(|(dialect, _, export)| {
        *dialect == Dialect::AnthropicStrict && export.as_ref().is_ok_and(claims_strict)
    });
    assert!(strict.count() >= 30);
}
