//! What is unusual and right: every case here compiles and runs.

#![allow(
    clippy::pedantic,
    clippy::double_must_use,
    reason = "the cases are written as users write them"
)]
#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]
#![expect(clippy::unused_async, reason = "the tools under test have nothing to wait for")]

mod stage;

mod aliases;
mod arguments;
mod arrangement;
mod attributes;
mod conditional;
mod crate_path;
mod docs;
mod generated;
mod hostile_names;
mod injected;
mod names;
mod outputs;
