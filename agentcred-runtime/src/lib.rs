//! The agent side of agentcred: what an annotated tool runs on.
//!
//! An [`Agent`] has an [`Issuer`] and a [`Toolbox`]; it opens a [`Task`]; [`Task::call`] runs
//! one tool call of the model with nonces of its own. The modules stand below in the order in
//! which a call passes them.

// Who calls: the agent, one run of it, and its tools.
mod agent;
mod task;
mod toolbox;

// What a tool is, and what it is called with.
mod argument_error;
mod arguments;
mod conform;
mod constraint;
mod context;
mod draft;
mod error;
mod expectation;
mod output;
mod param;
mod progress;
mod schema;
mod state;
mod tool;

// The nonces of a call: from minting to the end.
mod approval;
mod background;
mod grant;
mod issuer;
mod lease;
mod live;
mod nonce;
mod patience;

// One upstream request with a nonce.
mod egress;
mod pages;
mod request;
mod response;
mod upload;
mod wire;

// What goes back to the model.
mod failure;
mod outcome;
mod panics;
mod redact;

// What an operator sees of it.
mod telemetry;

// What the model and the issuer are told about the tools.
mod dialect;
mod manifest;

#[cfg(feature = "cli")]
pub mod cli;

mod config;

// For programs that leave nothing in memory.
#[cfg(feature = "zeroizing")]
mod memory;

// For the tests of tools.
#[cfg(feature = "testing")]
pub mod testing;

// Agent frameworks that a task's tools plug into.
#[cfg(feature = "rig")]
pub mod rig;

// What generated code names.
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod rules;

pub use agent::{Agent, AgentBuilder, BuildError, Opening, TaskError};
pub use agentcred_protocol as protocol;
pub use agentcred_protocol::user::UserToken;
pub use argument_error::{ArgumentError, ArgumentErrorKind};
pub use arguments::Arguments;
pub use context::CallContext;
pub use dialect::{Dialect, DialectError, UnknownDialect};
pub use egress::{EgressRequest, EgressResponse, RequestError};
pub use error::ToolError;
pub use issuer::{
    Credential, HttpIssuer, Issuer, IssuerError, MemoryIssuer, MintRequest, Minted, NotApproved,
    OpenTask, TaskGrant,
};
pub use manifest::ManifestError;
#[cfg(feature = "zeroizing")]
pub use memory::ZeroAlloc;
pub use nonce::Nonce;
pub use outcome::{ModelError, ModelErrorCode, ToolOutcome};
pub use pages::{NextPage, Paged, Pages};
pub use progress::Progress;
pub use request::RequestBuilder;
pub use response::Response;
pub use schemars;
pub use state::{State, StateMap, StateRequirement};
pub use task::Task;
pub use tool::{CredentialSpec, Hints, Injection, Invocation, Tool, ToolDefinition};
pub use toolbox::Toolbox;
pub use upload::{Upload, UploadProblem};
