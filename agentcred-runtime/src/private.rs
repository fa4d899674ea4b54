//! What generated code names. No part of the public interface: it changes without notice.

pub use crate::argument_error::ArgumentError;
pub use crate::arguments::Arguments;
pub use crate::draft::Draft;
pub use crate::output::Output;
pub use crate::param::{Credential, Param, Parameter};
pub use crate::rules::{Mark, Seat, check_parameter, check_tool};
pub use crate::tool::{Invocation, Tool, ToolDefinition};
