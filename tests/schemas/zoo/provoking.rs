//! Tools written to make an export say what it must not.

#![expect(
    dead_code,
    unused_variables,
    clippy::unused_async,
    reason = "only what the tools declare counts"
)]

use agentcred::{CallContext, Nonce as Canarynonce, State, ToolError, credentialed_tool};
use schemars::JsonSchema;
use serde::Deserialize;

use super::cage;

cage![Injections, AliasedInjections, BetweenArguments, StructBesideInjections, BlockingInjections];

/// Takes everything that can be injected.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s", uses = 421)]
async fn injections(
    /// The canary words of the nonce.
    canarynonce: Canarynonce,
    /// The canary words of the second nonce.
    #[credential(service = "canary-service-two", scope = "canary:scope", ttl = "421s", uses = 421)]
    canarynonce_two: Canarynonce,
    /// The canary words of the call.
    canarynonce_call: CallContext,
    /// The canary words of the state.
    canarynonce_state: State<u8>,
    value: String,
) -> Result<(), ToolError> {
    Ok(())
}

type CanarynonceAlias = Canarynonce;
type CanarynonceState = State<Vec<u8>>;

/// Takes what is injected under other names.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn aliased_injections(
    value: Option<String>,
    /// The canary words of the alias.
    canarynonce: CanarynonceAlias,
    canarynonce_state: CanarynonceState,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a nonce between arguments.
#[credentialed_tool(
    service = "canary-service",
    scope = "canary:scope canary:scope-two",
    ttl = "421s",
    title = "Between",
    read_only,
    idempotent
)]
async fn between_arguments(
    first: u32,
    /// The canary words in the middle.
    canarynonce: Canarynonce,
    #[tool(default = 3)] last: u32,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes a struct beside a nonce.
#[credentialed_tool(
    service = "canary-service",
    scope = "canary:scope",
    ttl = "421s",
    destructive,
    open_world
)]
async fn struct_beside_injections(
    canarynonce: Canarynonce,
    #[tool(args)] given: Given,
    /// The canary words of the call.
    canarynonce_call: CallContext,
) -> Result<(), ToolError> {
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    value: u32,
    note: Option<String>,
}

/// Takes a nonce and blocks.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
fn blocking_injections(
    value: bool,
    /// The canary words of the nonce.
    canarynonce: Canarynonce,
) -> Result<(), ToolError> {
    Ok(())
}
