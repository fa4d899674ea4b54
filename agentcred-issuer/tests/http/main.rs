//! The issuer and its broker over real HTTP, before an upstream that records what arrives.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its stage fails")]

mod agent;
mod corpus;
mod happy;
mod malformed;
mod mutated;
mod raw;
mod stage;
mod traversal;
mod upstream;
