//! What a tool's function may return, and what of it goes back to the model.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::draft::Draft;
use crate::error::ToolError;

/// The return type of a tool. A trait, so that an alias of `Result` works as well as `Result`.
#[diagnostic::on_unimplemented(
    message = "a credentialed tool returns a `Result`, not `{Self}`",
    label = "not a `Result`",
    note = "write `Result<T, ToolError>`"
)]
pub trait Output {
    /// Writes the schema of a success into the definition.
    fn declare(draft: &mut Draft);

    /// The success as JSON.
    ///
    /// # Errors
    /// The function's own error, or that its value could not be written as JSON.
    fn into_json(self) -> Result<Value, ToolError>;
}

impl<T: ToolValue, E: ToolFailure> Output for Result<T, E> {
    fn declare(draft: &mut Draft) {
        draft.output::<T>();
    }

    fn into_json(self) -> Result<Value, ToolError> {
        let value = self.map_err(ToolFailure::into_tool_error)?;
        Ok(serde_json::to_value(value)?)
    }
}

/// A value that can go back to the model. A [`Nonce`](crate::Nonce) never can.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go back to the model",
    label = "the tool returns this",
    note = "derive `serde::Serialize` and `schemars::JsonSchema` for it; a `Nonce` stays in the tool"
)]
pub trait ToolValue: Serialize + JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema> ToolValue for T {}

/// An error that a tool may end with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that a tool can end with",
    label = "the tool's error",
    note = "use `ToolError`, implement `std::error::Error + Send + Sync` for it, or write `impl From<{Self}> for ToolError`"
)]
pub trait ToolFailure {
    /// The error as the agent knows it.
    fn into_tool_error(self) -> ToolError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<ToolError>> ToolFailure for E {
    fn into_tool_error(self) -> ToolError {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Aliased<T> = Result<T, ToolError>;

    #[test]
    fn an_alias_of_result_is_an_output() {
        let output: Aliased<Vec<u8>> = Ok(vec![1, 2]);
        assert_eq!(output.into_json().unwrap(), serde_json::json!([1, 2]));
    }

    #[test]
    fn the_functions_own_error_type_converts() {
        let output: Result<(), std::num::ParseIntError> = "x".parse::<u8>().map(|_| ());
        assert_eq!(output.into_json().unwrap_err().visible_text(), None);
    }

    #[test]
    fn a_value_that_is_no_json_is_an_error_and_no_panic() {
        let output: Aliased<std::collections::BTreeMap<(u8, u8), u8>> = Ok([((1, 2), 3)].into());
        assert!(output.into_json().is_err());
    }
}
