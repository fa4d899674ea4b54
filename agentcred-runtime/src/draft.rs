//! A tool's definition while it is written, one parameter after the other.

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::arguments::accepts_absence;
use crate::param::Credential;
use crate::schema::{Contract, canonical, generator};
use crate::state::StateRequirement;
use crate::tool::ToolDefinition;

/// A [`ToolDefinition`] in the making.
pub struct Draft {
    /// What is known so far.
    pub definition: ToolDefinition,
    /// The credential of the attribute, for the nonce without `#[credential]`.
    pub credential: Credential,
    /// One for all parameters, so that they share the definitions of recursive types.
    generator: SchemaGenerator,
    properties: Map<String, Value>,
    required: Vec<Value>,
    whole: Option<Value>,
}

impl Draft {
    /// A tool without parameters.
    pub fn new(name: &str, description: &str, credential: Credential) -> Self {
        Self {
            definition: ToolDefinition::new(name, without_margin(description)),
            credential,
            generator: generator(Contract::Input),
            properties: Map::new(),
            required: Vec::new(),
            whole: None,
        }
    }

    /// An argument that the model must fill in, unless its type says that it may be absent.
    pub fn argument<T: DeserializeOwned + JsonSchema>(
        &mut self,
        name: &str,
        description: Option<&str>,
    ) {
        self.property::<T>(name, description, None);
        if !accepts_absence::<T>() {
            self.required.push(name.into());
        }
    }

    /// An argument that the model may leave out.
    pub fn optional_argument<T: JsonSchema>(
        &mut self,
        name: &str,
        description: Option<&str>,
        default: Option<Value>,
    ) {
        self.property::<T>(name, description, default);
    }

    /// All arguments as the fields of one struct.
    pub fn all_arguments<T: JsonSchema>(&mut self) {
        self.whole = Some(self.generator.subschema_for::<T>().to_value());
    }

    /// What the tool returns, where its type says anything.
    pub fn output<T: JsonSchema>(&mut self) {
        let schema = generator(Contract::Output).into_root_schema_for::<T>().to_value();
        let schema = canonical(schema, Contract::Output);
        let says_nothing = schema.as_object().is_none_or(|schema| {
            schema.is_empty() || schema.get("type").is_some_and(|name| name == "null")
        });
        self.definition.output_schema = (!says_nothing).then_some(schema);
    }

    /// A type of state that the tool needs.
    pub fn state<T: ?Sized + 'static>(&mut self) {
        let requirement = StateRequirement::of::<T>();
        if !self.definition.state.contains(&requirement) {
            self.definition.state.push(requirement);
        }
    }

    /// The definition.
    pub fn finish(mut self) -> ToolDefinition {
        let mut root = match self.whole.take() {
            Some(whole) => whole,
            None => serde_json::json!({"type": "object", "properties": self.properties}),
        };
        if let Some(root) = root.as_object_mut() {
            if !self.required.is_empty() {
                root.insert("required".to_owned(), self.required.into());
            }
            // A tool that takes nothing still has `properties`; some clients break without.
            if root.get("type").is_some_and(|name| name == "object")
                && !root.contains_key("properties")
            {
                root.insert("properties".to_owned(), Map::new().into());
            }
            let shared = self.generator.take_definitions(true);
            if !shared.is_empty() {
                root.insert("$defs".to_owned(), shared.into());
            }
        }
        self.definition.input_schema = canonical(root, Contract::Input);
        self.definition
    }

    fn property<T: JsonSchema>(
        &mut self,
        name: &str,
        description: Option<&str>,
        default: Option<Value>,
    ) {
        let mut schema = self.generator.subschema_for::<T>();
        if let Some(description) = description {
            schema.insert("description".to_owned(), without_margin(description).into());
        }
        if let Some(default) = default {
            schema.insert("default".to_owned(), default);
        }
        self.properties.insert(name.to_owned(), schema.to_value());
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("definition", &self.definition).finish_non_exhaustive()
    }
}

/// A doc comment as the model reads it: without the margin that `///` and `include_str!` leave,
/// with its paragraphs.
fn without_margin(doc: &str) -> String {
    let lines = doc.lines().map(str::trim_end).collect::<Vec<_>>();
    let indent = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let margin = lines.iter().filter(|line| !line.is_empty()).map(indent).min().unwrap_or(0);
    let lines = lines.iter().map(|line| line.get(margin..).unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}
