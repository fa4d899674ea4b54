//! What a tool is: its definition, and how one call of it is prepared and run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::argument_error::ArgumentError;
use crate::arguments::Arguments;
use crate::context::CallContext;
use crate::error::ToolError;
use crate::nonce::Nonce;
use crate::panics;
use crate::state::{StateMap, StateRequirement};

/// A tool that a model may call with a credential of its own for each call.
///
/// `#[credentialed_tool]` implements it; write it by hand only for tools that are not known when
/// the program is compiled.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "not a tool",
    note = "`#[credentialed_tool(..)]` on `async fn find_customers` makes a tool of the name `FindCustomers`"
)]
pub trait Tool: Send + Sync + 'static {
    /// What the model and the agent are told about this tool. It is the same on every call.
    fn definition(&self) -> ToolDefinition;

    /// Checks the arguments of one call, before anything is minted for it.
    ///
    /// # Errors
    /// When an argument is unknown, missing or of the wrong type.
    fn prepare(&self, arguments: Arguments) -> Result<Invocation, ArgumentError>;

    /// What one call of these arguments would do, in a sentence for whoever must approve it; at
    /// most 500 characters of it are shown. It goes to the issuer with every call of the tool, so
    /// say only what that human needs. See [`Toolbox::with_summary`](crate::Toolbox::with_summary).
    ///
    /// # Security
    /// Arguments are the model's words. They are shown as text, with hidden characters escaped,
    /// and can still say what is not so: put your own words first.
    fn approval_summary(&self, _arguments: &Value) -> Option<String> {
        None
    }
}

/// Everything there is to know about a tool without calling it.
///
/// Only name, title, description, hints and the two schemas are meant for the model; no export
/// contains the rest.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolDefinition {
    /// The name that the model calls: 1 to 64 letters, digits, `_` and `-`.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What the tool does, for the model.
    pub description: String,
    /// What the tool does to the world.
    pub hints: Hints,
    /// The arguments as JSON Schema, always an object.
    pub input_schema: Value,
    /// What the tool returns as JSON Schema, where its type says anything.
    pub output_schema: Option<Value>,
    /// The nonces that one call needs, in the order in which it takes them.
    pub credentials: Vec<CredentialSpec>,
    /// How long one call may take.
    pub timeout: Duration,
    /// The types of state that it cannot run without.
    pub state: Vec<StateRequirement>,
}

impl ToolDefinition {
    /// A tool without arguments, credentials and state, and with 30 seconds for each call.
    pub fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: description.into(),
            hints: Hints::default(),
            input_schema: serde_json::json!({"type": "object", "properties": {}, "additionalProperties": false}),
            output_schema: None,
            credentials: Vec::new(),
            timeout: Duration::from_secs(30),
            state: Vec::new(),
        }
    }
}

/// A nonce that a call needs: what it is for, and which parameter takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialSpec {
    /// The parameter's name, for logs and error messages.
    pub parameter: &'static str,
    /// The service, as `stripe`.
    pub service: &'static str,
    /// One or more scope tokens, as `read:customers read:invoices`.
    pub scope: &'static str,
    /// How long the nonce lives at most: 1 second to 1 hour.
    pub ttl: Duration,
    /// How many upstream requests the call may make with it: 1 to 1000.
    pub uses: u32,
}

/// What a tool does to the world, in the words of the Model Context Protocol. Unset means that
/// the author did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hints {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may delete or overwrite.
    pub destructive: Option<bool>,
    /// Calling it twice with the same arguments changes no more than calling it once.
    pub idempotent: Option<bool>,
    /// It talks to a world outside the program, such as the web.
    pub open_world: Option<bool>,
}

/// What one call gets from the agent and not from the model.
#[derive(Debug)]
pub struct Injection {
    /// One nonce for each of the definition's credentials, in that order.
    pub nonces: Vec<Nonce>,
    /// The call.
    pub context: CallContext,
    /// The toolbox's state.
    pub state: Arc<StateMap>,
}

/// A call whose arguments are checked and which lacks only its credentials.
#[must_use = "a prepared call does nothing until it runs"]
pub struct Invocation {
    run: Box<dyn FnOnce(Injection) -> BoxFuture<'static, Result<Value, ToolError>> + Send>,
}

impl Invocation {
    /// A call of an async function.
    pub fn new<Call, Running>(call: Call) -> Self
    where
        Call: FnOnce(Injection) -> Running + Send + 'static,
        Running: Future<Output = Result<Value, ToolError>> + Send + 'static,
    {
        Self { run: Box::new(move |injection| Box::pin(call(injection))) }
    }

    /// A call of a function that blocks: it runs on a thread for such work, so that the agent's
    /// other calls go on. A panic in it goes on in whoever awaits the call.
    pub fn blocking<Call>(call: Call) -> Self
    where
        Call: FnOnce(Injection) -> Result<Value, ToolError> + Send + 'static,
    {
        Self::new(move |injection| async move {
            let span = tracing::Span::current();
            let log = tracing::dispatcher::get_default(Clone::clone);
            let running = tokio::task::spawn_blocking(move || {
                tracing::dispatcher::with_default(&log, || {
                    panics::contain(|| span.in_scope(|| call(injection)))
                })
            });
            match running.await? {
                Ok(result) => result,
                // Quietly: a hook on this side would print what the other side kept.
                Err(panicked) => std::panic::resume_unwind(Box::new(panicked)),
            }
        })
    }

    /// Runs the call.
    ///
    /// # Errors
    /// Whatever the tool's function returns as its error, and a failure when the injection lacks
    /// what the definition asks for.
    pub async fn run(self, injection: Injection) -> Result<Value, ToolError> {
        (self.run)(injection).await
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn injection() -> Injection {
        Injection {
            nonces: Vec::new(),
            context: CallContext::new(
                "agent".parse().unwrap(),
                "task-1".parse().unwrap(),
                "call-1".parse().unwrap(),
            ),
            state: Arc::default(),
        }
    }

    #[tokio::test]
    async fn a_blocking_call_runs_off_the_async_thread() {
        let here = std::thread::current().id();
        let call =
            Invocation::blocking(move |_| Ok(Value::Bool(std::thread::current().id() == here)));
        assert_eq!(call.run(injection()).await.unwrap(), Value::Bool(false));
    }

    #[tokio::test]
    async fn a_panic_in_a_blocking_call_reaches_the_caller_as_a_panic() {
        let call = Invocation::blocking(|_| panic!("boom"));
        let ended = tokio::spawn(call.run(injection())).await;
        assert!(ended.unwrap_err().is_panic());
    }
}
