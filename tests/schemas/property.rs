//! The schema accepts exactly what the tool's own check of arguments accepts.
//!
//! Four differences are meant, and are part of what is compared: null in an optional field means
//! that it was left out; `format` is asserted, as Rust's types do; integers outside 64 bits and
//! numbers outside a double are not tried, because JSON readers disagree about them; and keys of
//! maps are what their type can parse.

use agentcred::{Arguments, Dialect, Tool};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::sample::{Chance, near};
use crate::{rules, zoo};

const CASES: usize = 10_000;

/// A schema with null added to each optional field, however it is nested.
fn with_nulls(schema: &Value) -> Value {
    let object = match schema {
        Value::Array(schemas) => return schemas.iter().map(with_nulls).collect(),
        Value::Object(object) => object,
        other => return other.clone(),
    };
    let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rewritten: Map<_, _> =
        object.iter().map(|(key, value)| (key.clone(), with_nulls(value))).collect();
    if let Some(Value::Object(properties)) = rewritten.get_mut("properties") {
        for (name, property) in properties {
            if !required.iter().any(|key| key == name) {
                *property = json!({"anyOf": [property.take(), {"type": "null"}]});
            }
        }
    }
    rewritten.into()
}

fn validator(schema: &Value) -> Validator {
    let options = jsonschema::draft202012::options();
    options.should_validate_formats(true).build(schema).unwrap()
}

fn accepts(tool: &dyn Tool, arguments: &Value) -> bool {
    Arguments::new(arguments.clone()).and_then(|arguments| tool.prepare(arguments)).is_ok()
}

/// How many of the cases both sides accepted, or about what they differ.
fn compare(tool: &dyn Tool, schema: &Value) -> Result<usize, Value> {
    let judge = validator(&with_nulls(schema));
    let mut chance = Chance::of(&tool.definition().name);
    let mut accepted = 0;
    for case in 0..CASES {
        // Half of the cases are meant to fit and half depart somewhere.
        let arguments = near(schema, schema, &mut chance, if case % 2 == 0 { 0 } else { 8 });
        if !arguments.is_object() {
            continue;
        }
        let takes = accepts(tool, &arguments);
        if takes != judge.is_valid(&arguments) {
            return Err(arguments);
        }
        accepted += usize::from(takes);
    }
    Ok(accepted)
}

/// Tools that can refuse nothing, or nothing but an unknown key.
const EASY: [&str; 1] = ["nothing"];

fn check_share(share: usize, shares: usize) {
    for tool in zoo::tools().iter().skip(share).step_by(shares) {
        let definition = tool.definition();
        let (name, schema) = (&definition.name, &definition.input_schema);
        let accepted = compare(tool.as_ref(), schema).unwrap_or_else(|arguments| {
            panic!("{name}: schema and tool differ about {arguments}\n{schema:#}")
        });
        assert!(accepted > CASES / 10, "{name}: only {accepted} accepted");
        let refusing = !EASY.contains(&name.as_str());
        assert!(!refusing || accepted < CASES * 99 / 100, "{name}: {accepted} accepted");
    }
}

// Two tests, for two threads.
#[test]
fn schema_and_tool_accept_the_same_arguments() {
    check_share(0, 2);
}

#[test]
fn schema_and_tool_accept_the_same_arguments_of_the_other_half() {
    check_share(1, 2);
}

#[test]
fn a_schema_that_says_less_or_more_than_the_tool_is_noticed() {
    let tools = zoo::tools();
    let tool = tools.iter().find(|tool| tool.definition().name == "small_integers").unwrap();
    let schema = tool.definition().input_schema;
    let (mut wider, mut narrower) = (schema.clone(), schema);
    wider["properties"]["a"]["maximum"] = json!(256);
    narrower["properties"]["a"]["maximum"] = json!(254);
    for schema in [wider, narrower] {
        assert!(compare(tool.as_ref(), &schema).is_err(), "{schema}");
    }
}

/// Every optional field that is not there, as null.
fn filled(arguments: &Value, strict: &Value) -> Value {
    let mut whole = arguments.clone();
    if let (Some(fields), Some(properties)) =
        (whole.as_object_mut(), strict["properties"].as_object())
    {
        for (name, property) in properties {
            let value = fields.get(name).unwrap_or(&Value::Null);
            let value = filled(value, property);
            fields.insert(name.clone(), value);
        }
    } else if let (Some(items), Some(each)) = (whole.as_array_mut(), strict.get("items")) {
        for item in items {
            *item = filled(item, each);
        }
    } else if let Some(branches) = strict["anyOf"].as_array() {
        let mut all = branches.iter().map(|branch| (filled(arguments, branch), branch));
        if let Some((fitting, _)) = all.find(|(value, branch)| validator(branch).is_valid(value)) {
            return fitting;
        }
    }
    whole
}

#[test]
fn no_export_forbids_what_the_tool_takes() {
    let tools = zoo::tools();
    for (dialect, name, export) in zoo::exports() {
        let Ok(export) = export else { continue };
        // This form is no JSON Schema, and strict Anthropic is the canonical schema with less.
        let Some(schema) =
            rules::input_schema(dialect, &export).filter(|_| dialect != Dialect::GeminiOpenApi)
        else {
            continue;
        };
        let tool = tools.iter().find(|tool| tool.definition().name == name).unwrap();
        let canonical = tool.definition().input_schema;
        let (strict_openai, judge) = (
            rules::claims_strict(&export) && dialect != Dialect::AnthropicStrict,
            validator(&canonical),
        );
        let exported = validator(schema);
        let mut chance = Chance::of(&name);
        for _ in 0..20 {
            let arguments = near(&canonical, &canonical, &mut chance, 0);
            if !judge.is_valid(&arguments) {
                continue;
            }
            let arguments = if strict_openai { filled(&arguments, schema) } else { arguments };
            assert!(exported.is_valid(&arguments), "{dialect}, {name}: {arguments}\n{schema:#}");
            assert!(accepts(tool.as_ref(), &arguments), "{dialect}, {name}: {arguments}");
        }
    }
}
