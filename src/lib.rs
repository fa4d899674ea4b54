//! Annotate a tool function; every call gets a just-in-time credential and the model never sees one.

pub use agentcred_macros::credentialed_tool;
#[doc(hidden)]
pub use agentcred_runtime::__private;
#[doc(inline)]
pub use agentcred_runtime::*;
