//! The agent side of agentcred: what an annotated tool runs on.

// What a tool is, and what it is called with.
mod context;
mod error;
mod nonce;
mod output;
mod param;
mod state;
mod tool;

// What the model is told, and what it sends back.
mod arguments;
mod conform;
mod draft;
mod schema;

// What generated code names.
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod rules;

pub use arguments::{ArgumentError, ArgumentErrorKind, Arguments};
pub use context::CallContext;
pub use error::ToolError;
pub use nonce::Nonce;
pub use schemars;
pub use state::{State, StateMap, StateRequirement};
pub use tool::{CredentialSpec, Hints, Injection, Invocation, Tool, ToolDefinition};

#[cfg(test)]
mod macro_tests;
