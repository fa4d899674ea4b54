//! The issuer and its broker over real HTTP, before an upstream that records what arrives.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its stage fails")]

mod agent;
mod answering;
mod auditing;
mod command;
mod corpus;
mod dialling;
mod forbidden;
mod forwarding;
mod framing;
mod happy;
mod issuing;
mod leaking;
mod least;
mod limiting;
mod malformed;
mod mutated;
mod nonces;
mod racing;
mod raw;
mod revoking;
mod rotating;
mod stage;
mod streaming;
mod traversal;
mod upstream;
