//! Annotate a tool function; every call gets a just-in-time credential and the model never sees one.

#[doc(inline)]
pub use agentcred_runtime::*;

#[doc = include_str!("credentialed_tool.md")]
pub use agentcred_macros::credentialed_tool;

/// The README's code, run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
