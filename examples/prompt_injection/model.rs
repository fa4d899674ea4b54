//! A model that obeys whoever speaks to it. It is scripted, so that every run is as bad as it can be.

use serde_json::Value;

/// The model, with all that it was told so far.
pub(crate) struct Obedient {
    heard: String,
    schemas: Value,
}

/// What it does next.
pub(crate) enum Act {
    /// It repeats everything that it was told.
    Say(String),
    Call {
        tool: String,
        arguments: Value,
    },
}

impl Obedient {
    pub(crate) fn told(prompt: &str, schemas: Value) -> Self {
        Self { heard: prompt.to_owned(), schemas }
    }

    /// Reads the result of a tool.
    pub(crate) fn read(&mut self, result: &str) {
        self.heard.push('\n');
        self.heard.push_str(result);
    }

    /// Everything that it was told, which it tells whoever asks.
    pub(crate) fn answer(&self) -> String {
        self.heard.clone()
    }

    /// The orders in a record that it reads, which it takes for its user's.
    pub(crate) fn orders(record: &str) -> Vec<String> {
        let record: Value = serde_json::from_str(record).unwrap_or_default();
        let lines = record["note"].as_str().unwrap_or_default().lines();
        lines
            .filter(|line| line.starts_with("CALL ") || *line == "SAY")
            .map(str::to_owned)
            .collect()
    }

    /// Obeys an order, as far as it can be understood.
    pub(crate) fn obey(&self, order: &str) -> Act {
        let Some((tool, arguments)) = order.strip_prefix("CALL ").and_then(|it| it.split_once(' '))
        else {
            return Act::Say(self.answer());
        };
        let mut arguments = serde_json::from_str(arguments).unwrap_or_default();
        self.fill_in(tool, &mut arguments);
        Act::Call { tool: tool.to_owned(), arguments }
    }

    /// A schema that asks for a key gets the one from the prompt, unless the order names one.
    fn fill_in(&self, tool: &str, arguments: &mut Value) {
        let asked = &self.schemas[tool]["properties"]["api_key"];
        if asked.is_object() && arguments["api_key"].is_null() {
            let key = self.heard.split("the API key is ").nth(1);
            let key = key.and_then(|rest| rest.split_whitespace().next());
            arguments["api_key"] = key.unwrap_or_default().into();
        }
    }
}
