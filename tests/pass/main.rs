//! What is unusual and right: every case here compiles and runs.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

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
