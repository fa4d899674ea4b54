//! Model Context Protocol: what the specification says, and what clients break on.

use agentcred::Dialect;
use serde_json::{Value, json};

use super::{Rule, is_text, is_tool_name};
use crate::{walk, zoo};

pub(super) const LISTING: &[Rule] = &[
    Rule {
        says: "its name has at most 64 letters, digits, _ and -",
        holds: |export| is_tool_name(&export["name"], 64),
        breaks: |export| export["name"] = "a b".into(),
    },
    Rule {
        says: "it has a description",
        holds: |export| is_text(&export["description"]),
        breaks: |export| export["description"] = "".into(),
    },
    Rule {
        says: "the input is an object",
        holds: |export| export["inputSchema"]["type"] == "object",
        breaks: |export| export["inputSchema"]["type"] = "array".into(),
    },
    Rule {
        says: "the output is an object",
        holds: |export| export.get("outputSchema").is_none_or(|schema| schema["type"] == "object"),
        breaks: |export| export["outputSchema"]["type"] = "array".into(),
    },
    Rule {
        says: "no lists of types",
        holds: |export| every(export, |schema| !schema["type"].is_array()),
        breaks: |export| {
            export["outputSchema"]["properties"]["a"] = json!({"type": ["string", "null"]});
        },
    },
    Rule {
        says: "no $schema",
        holds: |export| every(export, |schema| schema.get("$schema").is_none()),
        breaks: |export| export["inputSchema"]["$schema"] = "http://json-schema.org".into(),
    },
    Rule {
        says: "no booleans where a property's schema stands",
        holds: |export| {
            every(export, |schema| {
                let properties = schema["properties"].as_object();
                properties.into_iter().flat_map(serde_json::Map::values).all(Value::is_object)
            })
        },
        breaks: |export| export["inputSchema"]["properties"]["any"] = true.into(),
    },
    Rule {
        says: "hints are the four that there are",
        holds: |export| {
            let hints = export["annotations"].as_object();
            hints.into_iter().flatten().all(|(name, hint)| {
                hint.is_boolean()
                    && ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"]
                        .contains(&name.as_str())
            })
        },
        breaks: |export| export["annotations"] = json!({"readOnly": true}),
    },
];

fn every(export: &Value, rule: impl Fn(&Value) -> bool) -> bool {
    ["inputSchema", "outputSchema"]
        .iter()
        .filter_map(|key| export.get(key))
        .all(|schema| walk::all(schema, &rule))
}

fn listing(tool: &str) -> Value {
    let mut listings = zoo::exports().filter(|(dialect, _, _)| *dialect == Dialect::Mcp);
    listings.find(|(_, name, _)| name == tool).unwrap().2.unwrap()
}

#[test]
fn only_types_that_contain_themselves_have_references() {
    let with_references = zoo::exports().filter_map(|(dialect, tool, export)| {
        let export = export.ok().filter(|_| dialect == Dialect::Mcp)?;
        (!every(&export, |schema| schema.get("$ref").is_none())).then_some(tool)
    });
    let expected = ["folders", "arithmetic", "chain_arguments", "two_trees", "mutual"];
    assert!(with_references.eq(expected.map(str::to_owned)));
}

#[test]
fn hints_and_titles_are_those_of_the_attribute() {
    let between = listing("between_arguments");
    assert_eq!(between["title"], "Between");
    assert_eq!(between["annotations"], json!({"readOnlyHint": true, "idempotentHint": true}));
    let beside = listing("struct_beside_injections");
    assert_eq!(beside["annotations"], json!({"destructiveHint": true, "openWorldHint": true}));
    assert!(listing("text").get("annotations").is_none());
}

#[test]
fn an_output_that_is_an_object_is_described() {
    assert_eq!(listing("reporting")["outputSchema"]["properties"]["rows"]["type"], "integer");
    assert!(listing("parts").get("outputSchema").is_none(), "a list is no structured content");
}
