//! Annotate a tool function; every call gets a just-in-time credential and the model never sees one.

#[doc(hidden)]
pub use agentcred_runtime::__private;
pub use agentcred_runtime::{
    ArgumentError, ArgumentErrorKind, Arguments, CallContext, CredentialSpec, Hints, Injection,
    Invocation, Nonce, State, StateMap, StateRequirement, Tool, ToolDefinition, ToolError,
    schemars,
};

pub use agentcred_macros::credentialed_tool;
