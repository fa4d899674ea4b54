//! What a model is told about the tools, in the dialect of its provider.
//!
//! Every export starts from the one canonical schema of a tool's definition and passes one
//! transform, which lives in the file named after the provider. What a definition knows beyond
//! name, title, description, hints and schemas is out of reach here, so it cannot leak.

mod anthropic;
mod bedrock;
mod error;
mod gemini;
mod gemini_openapi;
mod mcp;
mod openai;
mod place;
mod published;
mod remark;
mod union;

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

pub use self::error::DialectError;
use self::published::Published;
use crate::tool::ToolDefinition;

/// The form in which a provider takes tools.
///
/// It reads and prints as the name that is given with each variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// `openai`: entries of `tools` of OpenAI Chat Completions, and of whatever copies it. Strict
    /// where the tool can be; `"strict": false` where it takes maps, tuples, any value or itself.
    ///
    /// In a strict tool, an argument that may be left out is one that may be null.
    OpenAi,
    /// `openai-responses`: entries of `tools` of OpenAI Responses. The same rules as `openai`.
    OpenAiResponses,
    /// `anthropic`: entries of `tools` of Anthropic Messages.
    Anthropic,
    /// `anthropic-strict`: the same with `"strict": true` where the tool can be. One request
    /// takes 20 strict tools with 24 optional arguments and 16 unions between them; tools that
    /// come after that limit say `"strict": false`.
    AnthropicStrict,
    /// `gemini`: `functionDeclarations` with `parametersJsonSchema`, Gemini 2.5 and later.
    Gemini,
    /// `gemini-openapi`: `functionDeclarations` with the older `parameters`, which has no maps,
    /// tuples, recursion or values of any type.
    GeminiOpenApi,
    /// `mcp`: entries of the Model Context Protocol's `tools/list`, with output schema and hints.
    Mcp,
    /// `bedrock`: entries of `toolConfig.tools` of Amazon Bedrock Converse.
    Bedrock,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 8] = [
        Self::OpenAi,
        Self::OpenAiResponses,
        Self::Anthropic,
        Self::AnthropicStrict,
        Self::Gemini,
        Self::GeminiOpenApi,
        Self::Mcp,
        Self::Bedrock,
    ];

    /// Its name, as `openai-responses`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::AnthropicStrict => "anthropic-strict",
            Self::Gemini => "gemini",
            Self::GeminiOpenApi => "gemini-openapi",
            Self::Mcp => "mcp",
            Self::Bedrock => "bedrock",
        }
    }

    /// Writes tools in this dialect, in order.
    ///
    /// # Errors
    /// The first tool that the provider cannot take.
    pub(crate) fn export<'a>(
        self,
        tools: impl Iterator<Item = &'a ToolDefinition>,
    ) -> Result<Vec<Value>, DialectError> {
        let mut strict_budget = anthropic::Budget::default();
        let mut write = |tool: &ToolDefinition| {
            let tool = Published::of(tool)?;
            match self {
                Self::OpenAi => openai::chat(&tool),
                Self::OpenAiResponses => openai::responses(&tool),
                Self::Anthropic => anthropic::plain(&tool),
                Self::AnthropicStrict => anthropic::strict(&tool, &mut strict_budget),
                Self::Gemini => gemini::declaration(&tool),
                Self::GeminiOpenApi => gemini_openapi::declaration(&tool),
                Self::Mcp => mcp::listing(&tool),
                Self::Bedrock => bedrock::specification(&tool),
            }
        };
        tools
            .map(|tool| {
                write(tool).map_err(|obstacle| DialectError::new(self, &tool.name, obstacle))
            })
            .collect()
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no dialect has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no such format; there are openai, openai-responses, anthropic, anthropic-strict, gemini, gemini-openapi, mcp and bedrock"
)]
pub struct UnknownDialect;

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name).ok_or(UnknownDialect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_reads_back_as_it_prints() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.to_string().parse(), Ok(dialect));
            assert!(UnknownDialect.to_string().contains(dialect.name()));
        }
        assert_eq!("OpenAI".parse::<Dialect>(), Err(UnknownDialect));
    }
}
