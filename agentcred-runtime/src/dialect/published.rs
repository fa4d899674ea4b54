//! The part of a tool's definition that a model may see.

use agentcred_protocol::names::ToolName;
use serde_json::{Map, Value};

use super::error::Obstacle;
use super::place::Place;
use crate::tool::{Hints, ToolDefinition};

/// What exports are written from. Nothing else of the definition can be reached from here.
pub(super) struct Published<'a> {
    pub(super) name: &'a str,
    pub(super) title: Option<&'a str>,
    pub(super) description: &'a str,
    pub(super) hints: Hints,
    /// The arguments: canonical, and an object at its root.
    pub(super) input: &'a Map<String, Value>,
    pub(super) output: Option<&'a Value>,
}

impl<'a> Published<'a> {
    /// Takes what is public out of a definition, which may be written by hand and so is checked.
    ///
    /// # Errors
    /// When its name, description or root would be refused by every provider.
    pub(super) fn of(tool: &'a ToolDefinition) -> Result<Self, Obstacle> {
        let refuse = |rule| Err(Obstacle::new(&Place::Arguments, rule));
        if ToolName::new(tool.name.as_str()).is_err() {
            return refuse(
                "its name must be a letter or _ and then at most 63 letters, digits, _ and -",
            );
        }
        if tool.description.trim().is_empty() {
            return refuse("it has no description; say what it does, for the model");
        }
        let Some(input) = tool.input_schema.as_object() else {
            return refuse("the schema of its arguments must be a JSON object");
        };
        Ok(Self {
            name: &tool.name,
            title: tool.title.as_deref(),
            description: &tool.description,
            hints: tool.hints,
            input,
            output: tool.output_schema.as_ref(),
        })
    }

    /// The schema of the arguments for a provider that wants plain fields at the top.
    ///
    /// # Errors
    /// When the arguments are a union, as `#[tool(args)]` of an enum makes them.
    pub(super) fn plain_input(&self) -> Result<&'a Map<String, Value>, Obstacle> {
        let plain = self.input.get("type").is_some_and(|name| name == "object")
            && ["anyOf", "oneOf", "allOf", "not", "enum", "const", "$ref"]
                .iter()
                .all(|key| !self.input.contains_key(*key));
        if plain {
            return Ok(self.input);
        }
        let rule = "its arguments must be the fields of one struct and no union; \
                    make the enum one argument among them";
        Err(Obstacle::new(&Place::Arguments, rule))
    }

    /// Plain fields whose names a provider takes.
    ///
    /// # Errors
    /// When one has a name that it refuses, which it would refuse the whole request for.
    pub(super) fn input_with_names(
        &self,
        allowed: impl Fn(&str) -> bool,
        rule: &'static str,
    ) -> Result<&'a Map<String, Value>, Obstacle> {
        let input = self.plain_input()?;
        let mut names =
            input.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        match names.find(|name| !allowed(name)) {
            Some(name) => Err(Obstacle::new(&Place::Field(&Place::Arguments, name), rule)),
            None => Ok(input),
        }
    }

    pub(super) fn has_arguments(&self) -> bool {
        self.input.get("properties").and_then(Value::as_object).is_some_and(|all| !all.is_empty())
    }
}
