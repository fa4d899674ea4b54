//! The billing agent against the real issuer and broker, in processes of their own, over HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may end where it fails"
)]

mod agent;
mod answers;
mod artefacts;
mod audit;
mod canaries;
mod faults;
#[cfg(target_os = "linux")]
mod holds;
mod policy;
#[cfg(target_os = "linux")]
mod secretsmanager;
#[cfg(target_os = "linux")]
mod stores;
mod tap;
mod vault;

#[cfg(target_os = "linux")]
#[expect(dead_code, reason = "the suite of secret stores uses all of it")]
#[path = "../../agentcred-issuer/tests/stores/bao.rs"]
mod bao;
#[cfg(target_os = "linux")]
#[expect(dead_code, reason = "the tests of several issuers use all of it")]
#[path = "../../agentcred-issuer/tests/replicas/cluster.rs"]
mod cluster;
#[cfg(target_os = "linux")]
#[path = "../residue/tests/memory/process.rs"]
mod memory;
#[cfg(target_os = "linux")]
#[expect(dead_code, reason = "the suite of secret stores uses all of it")]
#[path = "../../agentcred-issuer/tests/stores/moto.rs"]
mod moto;

#[path = "../../examples/billing_agent/sandbox/mod.rs"]
mod sandbox;
#[path = "../leaks/shapes.rs"]
mod shapes;
