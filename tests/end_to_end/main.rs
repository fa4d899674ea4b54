//! The billing agent against the real issuer and broker, in processes of their own, over HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end where it fails"
)]

mod agent;
mod answers;
mod artefacts;
mod audit;
mod canaries;
mod faults;
mod policy;
mod tap;
mod vault;

#[path = "../../examples/billing_agent/sandbox/mod.rs"]
mod sandbox;
#[path = "../leaks/shapes.rs"]
mod shapes;
