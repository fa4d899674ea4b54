//! Judges from outside: the JSON Schema meta-schema, and a compiler of schemas into grammars.

use agentcred::Dialect;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::ApproximateTokEnv;
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};

use crate::{rules, zoo};

/// Schemas of every dialect, with those that claim to be strict marked.
fn schemas() -> impl Iterator<Item = (String, Value, bool)> {
    zoo::exports().filter_map(|(dialect, tool, export)| {
        let export = export.ok()?;
        let strict = rules::claims_strict(&export);
        // A tool without arguments has no schema in one dialect.
        let schema = rules::input_schema(dialect, &export)?.clone();
        Some((format!("{dialect}, {tool}"), schema, strict))
    })
}

fn is_json_schema(schema: &Value) -> bool {
    jsonschema::draft202012::meta::is_valid(schema)
}

#[test]
fn every_export_is_a_json_schema() {
    for (which, schema, _) in schemas() {
        assert!(is_json_schema(&schema), "{which}: {schema}");
        assert!(jsonschema::draft202012::new(&schema).is_ok(), "{which}: {schema}");
    }
}

#[test]
fn every_output_schema_is_a_json_schema() {
    let toolbox = zoo::toolbox();
    let outputs = toolbox.definitions().filter_map(|tool| tool.output_schema.as_ref());
    let outputs: Vec<_> = outputs.collect();
    assert!(outputs.len() >= 2 && outputs.into_iter().all(is_json_schema));
}

#[test]
fn what_is_no_json_schema_is_noticed() {
    for broken in [
        json!({"type": "text"}),
        json!({"required": "name"}),
        json!({"properties": {"a": 1}}),
        json!({"minLength": -1}),
    ] {
        assert!(!is_json_schema(&broken), "{broken}");
    }
}

/// Compiles a schema as a provider's constrained decoder does. Unsupported keywords are errors.
fn compile(schema: &Value) -> Result<Matcher, String> {
    let env = ApproximateTokEnv::single_byte_env();
    let factory = ParserFactory::new_simple(&env).map_err(|error| error.to_string())?;
    let grammar = TopLevelGrammar::from_json_schema(schema.clone());
    let matcher = Matcher::new(factory.create_parser(grammar));
    match matcher.get_error() {
        Some(error) => Err(error),
        None => Ok(matcher),
    }
}

/// Whether a decoder held to this schema could write this value.
fn can_write(matcher: &Matcher, value: &Value) -> bool {
    let mut matcher = matcher.deep_clone();
    let tokens: Vec<u32> = value.to_string().bytes().map(u32::from).collect();
    matcher.consume_tokens(&tokens).is_ok() && matcher.is_accepting().unwrap_or(false)
}

#[test]
fn what_claims_to_be_strict_compiles_into_a_grammar() {
    let mut compiled = 0;
    for (which, schema, strict) in schemas() {
        if strict {
            if let Err(error) = compile(&schema) {
                panic!("{which}: {error}");
            }
            compiled += 1;
        }
    }
    assert!(compiled >= 80, "only {compiled} claim to be strict");
}

#[test]
fn a_schema_outside_the_grammar_is_noticed() {
    assert!(compile(&json!({"type": "array", "uniqueItems": true})).is_err());
    assert!(compile(&json!({"type": "string", "not": {}})).is_err());
}

#[test]
fn a_strict_model_writes_nulls_and_the_tool_reads_them_as_left_out() {
    let tools = zoo::tools();
    let tool = tools.iter().find(|tool| tool.definition().name == "options_in_struct").unwrap();
    let (_, schema, _) =
        schemas().find(|(which, _, _)| which == "openai, options_in_struct").unwrap();
    let grammar = compile(&schema).unwrap();
    let written = json!({"filter": {"least": null, "color": "red", "near": {"x": 0.5, "y": null}, "tags": null}});
    assert!(can_write(&grammar, &written));
    assert!(tool.prepare(agentcred::Arguments::new(written).unwrap()).is_ok());
    let dialect_free = json!({"filter": {"color": "red"}});
    assert!(!can_write(&grammar, &dialect_free), "strict mode leaves nothing out");
    assert!(tool.prepare(agentcred::Arguments::new(dialect_free).unwrap()).is_ok());
}

#[test]
fn strict_claims_and_dialects_that_have_them_agree() {
    for (dialect, tool, export) in zoo::exports() {
        let Ok(export) = export else { continue };
        let has_strict = matches!(
            dialect,
            Dialect::OpenAi | Dialect::OpenAiResponses | Dialect::AnthropicStrict
        );
        let says = rules::strict_field(&export).is_some();
        assert_eq!(has_strict, says, "{dialect}, {tool}");
    }
}
