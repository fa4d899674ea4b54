//! What a resource server learns of a nonce that it was shown (RFC 7662 section 2.2).

use serde::Serialize;

use crate::answer::TOOL_CALL;
use crate::arguments::ArgumentsHash;
use crate::key::Thumbprint;
use crate::names::{AgentId, CallId, NonceId, ServiceName, TaskId, ToolName};
use crate::scope::Scope;

/// A nonce that is good, or a word that it is not. Why it is not stays with the issuer.
#[derive(Debug)]
pub enum Introspection {
    /// Unknown, expired, revoked, spent, or for another service.
    Inactive,
    /// Good, and proven by whoever holds the key that it is bound to.
    Active(Box<ActiveNonce>),
}

/// What is known of a nonce that is good.
#[derive(Clone, Debug)]
pub struct ActiveNonce {
    /// The issuer's identifier, `iss`.
    pub issuer: String,
    /// The agent, `client_id` and `sub`.
    pub agent: AgentId,
    /// The agent's task.
    pub task: TaskId,
    /// The service that it is for, `aud`.
    pub service: ServiceName,
    /// What it is good for there.
    pub scope: Scope,
    /// The key that a proof must be made with, `cnf.jkt` (RFC 9449 section 6.2). Whoever accepts
    /// the nonce checks the proof against it.
    pub key: Thumbprint,
    /// The nonce's public name, `jti`.
    pub nonce_id: NonceId,
    /// The tool.
    pub tool: ToolName,
    /// The call.
    pub tool_call_id: CallId,
    /// The hash of the call's arguments.
    pub args_hash: ArgumentsHash,
}

impl Introspection {
    /// As JSON.
    ///
    /// # Errors
    /// Never for a well-formed answer.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Self::Active(nonce) = self else { return Ok(br#"{"active":false}"#.to_vec()) };
        serde_json::to_vec(&Wire {
            active: true,
            scope: &nonce.scope,
            client_id: &nonce.agent,
            token_type: "DPoP",
            sub: &nonce.agent,
            aud: &nonce.service,
            iss: &nonce.issuer,
            jti: &nonce.nonce_id,
            cnf: Confirmation { jkt: nonce.key.as_str() },
            agentcred_task: &nonce.task,
            authorization_details: [Details {
                kind: TOOL_CALL,
                tool: &nonce.tool,
                tool_call_id: &nonce.tool_call_id,
                args_hash: &nonce.args_hash,
            }],
        })
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    active: bool,
    scope: &'a Scope,
    client_id: &'a AgentId,
    token_type: &'static str,
    sub: &'a AgentId,
    aud: &'a ServiceName,
    iss: &'a str,
    jti: &'a NonceId,
    cnf: Confirmation<'a>,
    agentcred_task: &'a TaskId,
    authorization_details: [Details<'a>; 1],
}

#[derive(Serialize)]
struct Confirmation<'a> {
    jkt: &'a str,
}

#[derive(Serialize)]
struct Details<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    tool: &'a ToolName,
    tool_call_id: &'a CallId,
    args_hash: &'a ArgumentsHash,
}
