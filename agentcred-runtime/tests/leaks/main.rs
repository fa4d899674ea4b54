//! The promise at scale: what a model, a canceller and a crowd cannot get out of the agent side.
//!
//! Each test has a count that a variable raises; the default is what fits into every run.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may end where it fails, and says what it counted"
)]

mod cancellations;
mod channels;
mod crowd;
mod handle;
mod long_run;
mod probe;
mod proxy;
mod smuggled;
mod smuggling;
mod stderr;
mod tries;

use tries::{Dice, count};
