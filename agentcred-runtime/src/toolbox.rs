//! The tools of an agent, and the state that they share.

use std::sync::Arc;

use agentcred_protocol::manifest::Manifest;
use agentcred_protocol::names::ServiceName;
use agentcred_protocol::scope::{Scope, ScopeToken};
use serde_json::Value;

use crate::agent::BuildError;
use crate::argument_error::ArgumentError;
use crate::arguments::Arguments;
use crate::dialect::{Dialect, DialectError};
use crate::manifest::{self, ManifestError};
use crate::state::StateMap;
use crate::tool::{Invocation, Tool, ToolDefinition};

/// Tools by name, in the order in which they were added, and shared state.
///
/// [`toolbox!`](crate::toolbox) is the short form.
#[derive(Default)]
#[must_use]
pub struct Toolbox {
    tools: Vec<Entry>,
    state: StateMap,
}

struct Entry {
    definition: ToolDefinition,
    tool: Box<dyn Tool>,
}

impl Toolbox {
    /// A box without tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool.
    pub fn with(mut self, tool: impl Tool) -> Self {
        self.tools.push(Entry { definition: tool.definition(), tool: Box::new(tool) });
        self
    }

    /// Adds a tool whose calls may need the approval of a human, who is shown this sentence about
    /// the call's arguments.
    ///
    /// ```
    /// # use agentcred_runtime::{Tool, Toolbox};
    /// # fn add(refund_charge: impl Tool) -> Toolbox {
    /// Toolbox::new().with_summary(refund_charge, |arguments| {
    ///     format!("refund {} cents of charge {}", arguments["amount"], arguments["charge"])
    /// })
    /// # }
    /// ```
    pub fn with_summary(
        self,
        tool: impl Tool,
        summary: impl Fn(&Value) -> String + Send + Sync + 'static,
    ) -> Self {
        self.with(Summarized { tool, summary })
    }

    /// Adds state that tools take as `State<T>`; a second value of a type replaces the first.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.state.insert(value);
        self
    }

    /// The tools' definitions, in order.
    pub fn definitions(&self) -> impl Iterator<Item = &ToolDefinition> {
        self.tools.iter().map(|entry| &entry.definition)
    }

    /// The tools as a model's provider takes them, one entry for each, in order.
    ///
    /// The entries go into the request under the key that [`Dialect`] names. Nothing about
    /// credentials is in them.
    ///
    /// # Errors
    /// The first tool that the provider cannot take, with the argument and the rule in its way.
    pub fn schemas(&self, dialect: Dialect) -> Result<Vec<Value>, DialectError> {
        dialect.export(self.definitions())
    }

    /// What the tools need from the issuer: every service, scope, TTL and use, from the code alone.
    ///
    /// # Errors
    /// When a tool written by hand asks for something that no issuer can grant.
    pub fn manifest(&self) -> Result<Manifest, ManifestError> {
        manifest::of(self.definitions())
    }

    /// Two tools of one name, or a tool without the state that it takes, would fail at the
    /// worst time: in a call.
    pub(crate) fn checked(self) -> Result<CheckedToolbox, BuildError> {
        for (position, entry) in self.tools.iter().enumerate() {
            let name = &entry.definition.name;
            if self.tools[..position].iter().any(|earlier| earlier.definition.name == *name) {
                return Err(BuildError::DuplicateTool { tool: name.clone() });
            }
            if entry.definition.input_schema["type"] != "object" {
                return Err(BuildError::ArgumentsNotAnObject { tool: name.clone() });
            }
            if let Some(missing) =
                entry.definition.state.iter().find(|state| !self.state.satisfies(state))
            {
                return Err(BuildError::MissingState {
                    tool: name.clone(),
                    state: missing.type_name(),
                });
            }
        }
        let tools = self.tools.into_iter().map(Arc::new).collect();
        Ok(CheckedToolbox { tools, state: Arc::new(self.state), reach: Reach::Policy })
    }
}

/// A tool with a sentence for whoever approves its calls.
struct Summarized<T, S> {
    tool: T,
    summary: S,
}

impl<T: Tool, S: Fn(&Value) -> String + Send + Sync + 'static> Tool for Summarized<T, S> {
    fn definition(&self) -> ToolDefinition {
        self.tool.definition()
    }

    fn prepare(&self, arguments: Arguments) -> Result<Invocation, ArgumentError> {
        self.tool.prepare(arguments)
    }

    fn approval_summary(&self, arguments: &Value) -> Option<String> {
        Some((self.summary)(arguments))
    }
}

/// A toolbox without duplicate names and with all state that its tools take.
pub(crate) struct CheckedToolbox {
    tools: Vec<Arc<Entry>>,
    state: Arc<StateMap>,
    reach: Reach,
}

/// What an orchestrator may ask the issuer for beside the tools.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Whatever the policy grants.
    Policy,
    /// What the tools are declared to need.
    Tools,
}

impl CheckedToolbox {
    /// The same toolbox with these tools alone, in its own order.
    ///
    /// # Errors
    /// With the first name that no tool has.
    pub(crate) fn only(&self, names: &[String]) -> Result<Self, String> {
        if let Some(unknown) = names.iter().find(|name| self.find(name).is_none()) {
            return Err(unknown.clone());
        }
        let tools = self.tools.iter().filter(|entry| names.contains(&entry.definition.name));
        Ok(Self { tools: tools.cloned().collect(), state: self.state(), reach: Reach::Tools })
    }

    /// Whether the scope is within reach of an orchestrator that holds this toolbox.
    pub(crate) fn reaches(&self, service: &ServiceName, scope: &Scope) -> bool {
        let declared = |token: &ScopeToken| {
            let mut credentials = self.definitions().flat_map(|tool| &tool.credentials);
            credentials.any(|credential| {
                credential.service == service.as_str()
                    && credential.scope.split(' ').any(|declared| declared == token.as_str())
            })
        };
        self.reach == Reach::Policy || scope.tokens().all(declared)
    }

    pub(crate) fn find(&self, name: &str) -> Option<(&ToolDefinition, &dyn Tool)> {
        let entry = self.tools.iter().find(|entry| entry.definition.name == name)?;
        Some((&entry.definition, &*entry.tool))
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = &ToolDefinition> {
        self.tools.iter().map(|entry| &entry.definition)
    }

    pub(crate) fn state(&self) -> Arc<StateMap> {
        Arc::clone(&self.state)
    }
}

/// Makes a [`Toolbox`] of tools: `toolbox![FindCustomers, ListInvoices]`.
#[macro_export]
macro_rules! toolbox {
    ($($tool:expr),* $(,)?) => {
        $crate::Toolbox::new()$(.with($tool))*
    };
}
