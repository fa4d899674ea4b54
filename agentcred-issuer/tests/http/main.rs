//! The issuer and its broker over real HTTP, before an upstream that records what arrives.

mod agent;
mod happy;
mod stage;
mod upstream;
