//! Several issuers on one PostgreSQL, each a process of its own.
//!
//! Run with `cargo test -p agentcred-issuer --test replicas -- --ignored --nocapture`. What each
//! test reached is printed.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot set its stage fails, and a long one says how far it got"
)]

mod agent;
mod approving;
#[expect(dead_code, reason = "the ledger's own tests use all of it")]
mod cluster;
mod killing;
mod racing;
mod restoring;
mod stage;
#[path = "../http/upstream.rs"]
#[expect(dead_code, reason = "the tests of one issuer use all of it")]
mod upstream;
