//! What has been said so far: the question, and what each tool returned to which arguments.

use std::collections::HashMap;

use rig_core::completion::CompletionRequest;
use rig_core::message::{
    AssistantContent, CallId, Message, ToolFunction, ToolResult, ToolResultContent, UserContent,
};
use serde::Deserialize;
use serde_json::Value;

/// The conversation since the last question.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    pub(super) question: String,
    returned: Vec<Returned>,
    calls: usize,
}

/// One tool call that has been answered.
#[derive(Debug)]
struct Returned {
    tool: String,
    arguments: Value,
    outcome: Result<Value, ToolFailure>,
}

/// What a tool says when it fails.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ToolFailure {
    pub(super) code: String,
    pub(super) message: String,
}

impl Transcript {
    pub(super) fn of(request: &CompletionRequest) -> Self {
        let mut transcript = Self::default();
        let mut called: HashMap<CallId, &ToolFunction> = HashMap::new();
        for message in &request.chat_history {
            match message {
                Message::System { .. } => {}
                Message::Assistant(turn) => {
                    for content in &turn.content {
                        if let AssistantContent::ToolCall(call) = content {
                            transcript.calls += 1;
                            called.insert(call.id.clone(), &call.function);
                        }
                    }
                }
                Message::User { content } => {
                    for part in content {
                        match part {
                            UserContent::Text(text) => transcript.ask(&text.text),
                            UserContent::ToolResult(result) => {
                                if let Some(function) = called.get(&result.call) {
                                    transcript.returned.push(Returned::of(function, result));
                                }
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        transcript
    }

    /// What `tool` returned to these arguments, when it has been called with them.
    pub(super) fn returned(
        &self,
        tool: &str,
        arguments: &Value,
    ) -> Option<Result<&Value, &ToolFailure>> {
        let mut calls = self.returned.iter().rev();
        let call = calls.find(|call| call.tool == tool && call.arguments == *arguments)?;
        Some(call.outcome.as_ref())
    }

    /// Every tool call in the whole conversation, so that a new one can get its own id.
    pub(super) fn calls_in_conversation(&self) -> usize {
        self.calls
    }

    /// A new question makes what was returned before it stale.
    fn ask(&mut self, question: &str) {
        question.clone_into(&mut self.question);
        self.returned.clear();
    }

    #[cfg(test)]
    pub(super) fn asking(question: &str) -> Self {
        Self { question: question.to_owned(), ..Self::default() }
    }

    #[cfg(test)]
    pub(super) fn add(
        &mut self,
        tool: &str,
        arguments: Value,
        outcome: Result<Value, ToolFailure>,
    ) {
        self.returned.push(Returned { tool: tool.to_owned(), arguments, outcome });
        self.calls += 1;
    }
}

impl Returned {
    fn of(function: &ToolFunction, result: &ToolResult) -> Self {
        let outcome = if result.is_error {
            Err(ToolFailure::of(&result.content))
        } else {
            Ok(as_json(&result.content))
        };
        Self { tool: function.name.to_string(), arguments: function.arguments_value(), outcome }
    }
}

impl ToolFailure {
    fn of(content: &[ToolResultContent]) -> Self {
        let value = as_json(content);
        Self::deserialize(&value).unwrap_or_else(|_| Self {
            code: "tool_failed".to_owned(),
            message: value.as_str().unwrap_or("the tool gave no reason").to_owned(),
        })
    }
}

/// JSON as it is, text parsed when it is JSON and otherwise kept as a string.
fn as_json(content: &[ToolResultContent]) -> Value {
    match content.first() {
        Some(ToolResultContent::Json { value }) => value.clone(),
        Some(ToolResultContent::Text(text)) => {
            serde_json::from_str(&text.text).unwrap_or_else(|_| Value::String(text.text.clone()))
        }
        _ => Value::Null,
    }
}
