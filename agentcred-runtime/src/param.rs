//! A parameter of a tool's function: filled in by the model or injected, decided by its type.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::argument_error::ArgumentError;
use crate::arguments::Arguments;
use crate::context::CallContext;
use crate::draft::Draft;
use crate::error::ToolError;
use crate::nonce::Nonce;
use crate::rules::Rule;
use crate::state::State;
use crate::tool::{CredentialSpec, Injection};

/// A type that a tool's function can take.
///
/// `Kind` is `Argument` for what the model fills in and `Injected` for what the program does.
/// No type is both, so the compiler finds the kind of `<T as Param<_>>` by itself, through
/// aliases and re-exports: a credential can never be published by a misread name.
//
// No impl is recommended in an error: the list of them would bury the way out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can be neither filled in by the model nor injected",
    label = "neither an argument nor injected",
    note = "for an argument, derive `serde::Deserialize` and `schemars::JsonSchema`; it must be `Send` and own its parts",
    note = "what the program provides is `Nonce`, `CallContext` or `State<{Self}>`, taken by value"
)]
pub trait Param<Kind>: Sized {
    /// What the rules for parameters make of this type.
    const RULE: Rule;

    /// Writes the parameter into the tool's definition.
    fn declare(parameter: &Parameter<Self>, draft: &mut Draft);

    /// Takes the parameter out of the model's arguments; `None` when it does not come from there.
    ///
    /// # Errors
    /// When its argument is missing or of the wrong type.
    fn prepare(
        parameter: &Parameter<Self>,
        arguments: &mut Arguments,
    ) -> Result<Option<Self>, ArgumentError>;

    /// The value that the function is called with.
    ///
    /// # Errors
    /// When the injection lacks what the definition asked for.
    fn fill(prepared: Option<Self>, injection: &mut Injection) -> Result<Self, ToolError>;
}

/// The kind of parameter that the model fills in.
#[derive(Debug)]
pub enum Argument {}

/// The kind of parameter that the program fills in.
#[derive(Debug)]
pub enum Injected {}

/// The kind of parameter that is refused with a message of its own.
#[derive(Debug)]
pub enum Refused {}

/// A parameter as its author wrote it.
#[derive(Debug)]
pub struct Parameter<T> {
    name: &'static str,
    description: Option<&'static str>,
    source: Source<T>,
}

/// Where the attribute on a parameter says that its value comes from.
#[derive(Debug)]
enum Source<T> {
    Type,
    Default { value: fn() -> T, json: fn(&T) -> Option<Value> },
    AllArguments,
    Credential(Credential),
}

/// What a nonce is for, as an attribute says it.
#[derive(Clone, Copy, Debug)]
pub struct Credential {
    /// The service.
    pub service: &'static str,
    /// One or more scope tokens.
    pub scope: &'static str,
    /// How long the nonce lives at most.
    pub ttl: Duration,
    /// How many upstream requests it allows.
    pub uses: u32,
}

/// A type that can be the default of an argument.
#[diagnostic::on_unimplemented(
    message = "the model cannot be shown the default of `{Self}`",
    label = "has a default",
    note = "derive `serde::Serialize` for it: the default stands in the tool's schema"
)]
pub trait DefaultValue: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> DefaultValue for T {}

impl<T> Parameter<T> {
    /// A parameter without an attribute.
    pub const fn new(name: &'static str) -> Self {
        Self { name, description: None, source: Source::Type }
    }

    /// With a description for the model.
    #[must_use]
    pub const fn describe(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// `#[tool(default = ..)]`: the value when the model leaves the argument out.
    #[must_use]
    pub const fn default(self, value: fn() -> T) -> Self
    where
        T: DefaultValue,
    {
        let json = |value: &T| serde_json::to_value(value).ok();
        self.from(Source::Default { value, json })
    }

    /// `#[tool(args)]`: all arguments as one struct.
    #[must_use]
    pub const fn all_arguments(self) -> Self {
        self.from(Source::AllArguments)
    }

    /// `#[credential(..)]`: a nonce for another service or scope than the attribute's.
    #[must_use]
    pub const fn credential(self, credential: Credential) -> Self {
        self.from(Source::Credential(credential))
    }

    const fn from(self, source: Source<T>) -> Self {
        Self { name: self.name, description: self.description, source }
    }
}

#[diagnostic::do_not_recommend]
impl<T> Param<Argument> for T
where
    T: DeserializeOwned + JsonSchema + Send + 'static,
{
    const RULE: Rule = Rule::Argument;

    fn declare(parameter: &Parameter<T>, draft: &mut Draft) {
        match &parameter.source {
            Source::AllArguments => draft.all_arguments::<T>(),
            Source::Default { value, json } => {
                draft.optional_argument::<T>(parameter.name, parameter.description, json(&value()));
            }
            Source::Type | Source::Credential(_) => {
                draft.argument::<T>(parameter.name, parameter.description);
            }
        }
    }

    fn prepare(
        parameter: &Parameter<T>,
        arguments: &mut Arguments,
    ) -> Result<Option<T>, ArgumentError> {
        let value = match &parameter.source {
            Source::AllArguments => arguments.take_all()?,
            Source::Default { value, .. } => {
                arguments.take_present(parameter.name)?.unwrap_or_else(value)
            }
            Source::Type | Source::Credential(_) => arguments.take(parameter.name)?,
        };
        Ok(Some(value))
    }

    fn fill(prepared: Option<T>, _: &mut Injection) -> Result<T, ToolError> {
        prepared.ok_or_else(|| "the call was run without its arguments".into())
    }
}

#[diagnostic::do_not_recommend]
impl Param<Injected> for Nonce {
    const RULE: Rule = Rule::Nonce;

    fn declare(parameter: &Parameter<Self>, draft: &mut Draft) {
        let Credential { service, scope, ttl, uses } = match parameter.source {
            Source::Credential(own) => own,
            _ => draft.credential,
        };
        let spec = CredentialSpec { parameter: parameter.name, service, scope, ttl, uses };
        draft.definition.credentials.push(spec);
    }

    fn prepare(_: &Parameter<Self>, _: &mut Arguments) -> Result<Option<Self>, ArgumentError> {
        Ok(None)
    }

    fn fill(_: Option<Self>, injection: &mut Injection) -> Result<Self, ToolError> {
        if injection.nonces.is_empty() {
            return Err("the call was run with fewer nonces than its definition asks for".into());
        }
        Ok(injection.nonces.remove(0))
    }
}

#[diagnostic::do_not_recommend]
impl Param<Injected> for CallContext {
    const RULE: Rule = Rule::Injected;

    fn declare(_: &Parameter<Self>, _: &mut Draft) {}

    fn prepare(_: &Parameter<Self>, _: &mut Arguments) -> Result<Option<Self>, ArgumentError> {
        Ok(None)
    }

    fn fill(_: Option<Self>, injection: &mut Injection) -> Result<Self, ToolError> {
        Ok(injection.context.clone())
    }
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Send + Sync + 'static> Param<Injected> for State<T> {
    const RULE: Rule = Rule::Injected;

    fn declare(_: &Parameter<Self>, draft: &mut Draft) {
        draft.state::<T>();
    }

    fn prepare(_: &Parameter<Self>, _: &mut Arguments) -> Result<Option<Self>, ArgumentError> {
        Ok(None)
    }

    fn fill(_: Option<Self>, injection: &mut Injection) -> Result<Self, ToolError> {
        let missing =
            || format!("the toolbox has no state of the type `{}`", std::any::type_name::<T>());
        injection.state.find::<T>().ok_or_else(|| missing().into())
    }
}

// Near misses, each with a message of its own. Whatever else wraps a `Nonce` is neither an
// argument nor injected and gets the message of `Param`.
macro_rules! refuse {
    ($($wrapped:ty: $way_out:literal;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Param<Refused> for $wrapped {
            const RULE: Rule = Rule::Refused($way_out);

            fn declare(_: &Parameter<Self>, _: &mut Draft) {}

            fn prepare(_: &Parameter<Self>, _: &mut Arguments) -> Result<Option<Self>, ArgumentError> {
                Ok(None)
            }

            fn fill(_: Option<Self>, _: &mut Injection) -> Result<Self, ToolError> {
                Err($way_out.into())
            }
        }
    )*};
}

refuse! {
    Option<Nonce>: "a call never runs without its nonce; write `Nonce`";
    Vec<Nonce>: "each nonce is a parameter of its own; write one `Nonce` for each, the further ones with `#[credential(service = \"..\", scope = \"..\", ttl = \"..\")]`";
    Box<Nonce>: "a nonce is taken as it is; write `Nonce`";
    std::sync::Arc<Nonce>: "a nonce belongs to one call and is not shared; write `Nonce`";
    Option<CallContext>: "a call always has its context; write `CallContext`";
}
