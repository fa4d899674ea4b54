//! What the model sees, for every provider: goldens, rules, oracles and properties over a zoo of tools.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may end where it fails")]

mod golden;
mod leaks;
mod oracle;
mod property;
mod rules;
mod sample;
mod walk;
mod zoo;
