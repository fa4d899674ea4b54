//! The rules of the providers as checks of their own, each with a control that breaks it.
//!
//! They know the exporter's work only as JSON.

mod anthropic;
mod bedrock;
mod gemini;
mod mcp;
mod openai;

use agentcred::Dialect;
use serde_json::Value;

use crate::{walk, zoo};

/// A rule of a provider.
struct Rule {
    /// What it says.
    says: &'static str,
    /// Whether an export follows it.
    holds: fn(&Value) -> bool,
    /// Breaks it in an export that follows it.
    breaks: fn(&mut Value),
}

/// The rules of each dialect, and a tool of the zoo in whose export each can be broken.
fn rules(dialect: Dialect) -> (&'static [Rule], &'static str) {
    match dialect {
        Dialect::OpenAi => (openai::CHAT, "struct_arguments"),
        Dialect::OpenAiResponses => (openai::RESPONSES, "struct_arguments"),
        Dialect::Anthropic => (anthropic::PLAIN, "struct_arguments"),
        Dialect::AnthropicStrict => (anthropic::STRICT, "struct_arguments"),
        Dialect::Gemini => (gemini::JSON_SCHEMA, "struct_arguments"),
        Dialect::GeminiOpenApi => (gemini::OPEN_API, "struct_arguments"),
        Dialect::Mcp => (mcp::LISTING, "reporting"),
        Dialect::Bedrock => (bedrock::SPECIFICATION, "struct_arguments"),
        other => panic!("{other} has no rules"),
    }
}

/// The schema of the arguments in an export.
pub(crate) fn input_schema(dialect: Dialect, export: &Value) -> Option<&Value> {
    export.pointer(match dialect {
        Dialect::OpenAi => "/function/parameters",
        Dialect::OpenAiResponses | Dialect::GeminiOpenApi => "/parameters",
        Dialect::Anthropic | Dialect::AnthropicStrict => "/input_schema",
        Dialect::Gemini => "/parametersJsonSchema",
        Dialect::Mcp => "/inputSchema",
        Dialect::Bedrock => "/toolSpec/inputSchema/json",
        other => panic!("{other} is not known here"),
    })
}

/// What an export says about being strict, where it says anything.
pub(crate) fn strict_field(export: &Value) -> Option<&Value> {
    export.pointer("/function/strict").or_else(|| export.get("strict"))
}

/// Whether an export claims that a model held to it writes nothing else.
pub(crate) fn claims_strict(export: &Value) -> bool {
    strict_field(export) == Some(&Value::Bool(true))
}

#[test]
fn every_export_follows_the_rules_of_its_provider() {
    for (dialect, tool, export) in zoo::exports() {
        let Ok(export) = export else { continue };
        for rule in rules(dialect).0 {
            assert!((rule.holds)(&export), "{dialect}, {tool}, {}: {export:#}", rule.says);
        }
    }
}

#[test]
fn every_rule_notices_that_it_is_broken() {
    for dialect in Dialect::ALL {
        let (rules, subject) = rules(dialect);
        assert!(!rules.is_empty());
        let (_, _, sound) =
            zoo::exports().find(|(of, tool, _)| *of == dialect && tool == subject).unwrap();
        let sound = sound.unwrap();
        for rule in rules {
            let mut broken = sound.clone();
            (rule.breaks)(&mut broken);
            assert!(
                (rule.holds)(&sound),
                "{dialect}, {}: the control's ground breaks it",
                rule.says
            );
            assert!(!(rule.holds)(&broken), "{dialect}, {}: {broken:#}", rule.says);
        }
    }
}

fn is_tool_name(name: &Value, most: usize) -> bool {
    name.as_str().is_some_and(|name| {
        (1..=most).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    })
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// An object at the root, with properties, and no union beside them.
fn is_plain_object(schema: &Value) -> bool {
    schema["type"] == "object"
        && schema["properties"].is_object()
        && ["anyOf", "oneOf", "allOf", "not", "enum", "$ref"]
            .iter()
            .all(|key| schema.get(key).is_none())
}

fn has_none_of(schema: &Value, keywords: &[&str]) -> bool {
    walk::all(schema, |schema| keywords.iter().all(|keyword| schema.get(keyword).is_none()))
}

fn is_object_schema(schema: &Value) -> bool {
    schema["type"] == "object" || schema.get("properties").is_some()
}
