//! The `agentcred-issuer` command.
fn main() {}
