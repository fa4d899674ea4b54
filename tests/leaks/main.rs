//! The promise at scale against the real issuer: a crowd, cancellations, smuggled arguments, and
//! everything that comes out searched by two judges.
//!
//! Each test has a count that a variable raises; the default is what fits into every run.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may end where it fails, and says what it counted"
)]

mod cancellations;
mod children;
mod crowd;
mod observations;
mod printed;
mod progress;
mod shapes;
mod sinks;
mod smuggling;
mod stage;
mod tap;
mod upstream;

#[path = "../../agentcred-runtime/tests/leaks/smuggled.rs"]
mod smuggled;
#[path = "../../agentcred-runtime/tests/leaks/tries.rs"]
mod tries;

use agentcred::{Agent, Task, Toolbox};
use tries::{Dice, count};

/// Opens a task of the stage's agent.
async fn task(stage: &stage::Stage, name: &str, toolbox: Toolbox) -> Task {
    // The agent's own hook goes before this one.
    printed::listen();
    let agent = Agent::builder("crowd").issuer(stage.issuer()).tools(toolbox).build().unwrap();
    agent.task(name).await.unwrap()
}
