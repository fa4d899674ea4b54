//! The issuer and its broker over real HTTP, before an upstream that records what arrives.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its stage fails")]
#![allow(clippy::print_stdout, reason = "the long runs say how far they went")]

mod agent;
mod answering;
mod approving;
mod asserting;
mod auditing;
mod breaking;
mod breaking_off;
mod command;
mod corpus;
mod deployed;
mod developing;
mod dialling;
mod documented;
mod echoing;
#[cfg(target_os = "linux")]
mod flat;
mod flooding;
mod forbidden;
mod foreign;
mod forwarding;
mod framing;
mod happy;
#[cfg(target_os = "linux")]
mod hardened;
mod hours;
mod http2;
mod injecting;
mod inspecting;
mod issuing;
mod javascript;
mod key_sets;
mod killed;
mod leaking;
mod least;
mod lifetimes;
mod limiting;
mod malformed;
mod matrix;
mod metering;
mod multiplexed;
mod mutated;
mod nonces;
mod obtaining;
mod operating;
mod overriding;
mod pooling;
mod process;
mod racing;
mod rating;
mod raw;
mod reading;
mod reloading;
mod revoking;
mod rotating;
mod rust_client;
mod server_nonces;
mod signing;
mod sink;
#[cfg(target_os = "linux")]
mod slow;
mod stage;
mod streaming;
mod tls;
mod tracing;
mod traversal;
mod uploading;
mod uploading_http2;
mod upstream;
mod users;
mod verifying;
mod workloads;

/// How much of a long run to do: what the variable says, else a part that takes seconds.
fn count(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}
