//! The test kit: an issuer in memory, a task in one line, and the search for leaks.
//!
//! A tool's author writes three lines:
//!
//! ```
//! # use agentcred_runtime::Toolbox;
//! # async fn test(toolbox: Toolbox) {
//! let report = agentcred_runtime::testing::LeakProbe::new(toolbox).run().await;
//! assert!(report.observations() > 100);
//! report.assert_clean();
//! # }
//! ```
//!
//! and has every tool called with an upstream that echoes the nonce in each encoding that the kit
//! knows, while everything that leaves the tool is searched for it.

pub mod oracle;

mod arguments;
mod echo;
mod logs;
mod probe;
mod report;

pub use crate::issuer::MemoryIssuer;
pub use echo::Echo;
pub use logs::CapturedLogs;
pub use probe::LeakProbe;
pub use report::{Leak, LeakReport, Sink};

use crate::agent::{Agent, TaskError};
use crate::task::Task;
use crate::toolbox::Toolbox;

/// Opens a task of an agent `tester` that has these tools, at this issuer.
///
/// ```
/// # use agentcred_runtime::{EgressResponse, MemoryIssuer, Toolbox, testing};
/// # use http::StatusCode;
/// # async fn test(toolbox: Toolbox) -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = MemoryIssuer::new(|_| EgressResponse::new(StatusCode::OK, "[]"))
///     .grant("stripe", "read:customers");
/// let task = testing::task(toolbox, &issuer).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// When the tools do not go together.
pub async fn task(toolbox: Toolbox, issuer: &MemoryIssuer) -> Result<Task, TaskError> {
    let agent = Agent::builder("tester").issuer(issuer.clone()).tools(toolbox).build();
    agent.map_err(TaskError::from)?.task("test").await
}
