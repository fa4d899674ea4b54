//! Introspection and consumption: for internal services that accept nonces themselves.

use std::sync::Arc;

use agentcred_protocol::assertion::Claimed;
use agentcred_protocol::introspection::{ActiveNonce, Introspection};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::{ClientAssertion, Inspection};
use agentcred_protocol::token::NonceToken;

use crate::audit::{About, Endpoint, Event};
use crate::client;
use crate::ledger::{KnownNonce, Spending, Standing};
use crate::refused::Refused;
use crate::resource_server::ResourceServer;
use crate::vault::Vault;

/// Says what a nonce is good for, and spends nothing (RFC 7662).
pub(crate) async fn introspect(vault: &Vault, body: &[u8]) -> Result<Introspection, Refused> {
    let (by, asked) = authenticate(vault, body).await?;
    match find(vault, &by, asked).await? {
        Ok((_, known)) => {
            vault.record(Event::Introspect { call: &known.call, by: &by.name }).await?;
            Ok(active(vault, known))
        }
        Err(refused) => inactive(vault, Endpoint::Introspect, &by, refused).await,
    }
}

/// Spends one use of a nonce, and says what it was good for. However many ask at once, no more
/// are told that it is active than it has uses.
///
/// # Security
/// The service still checks the caller's proof against `cnf.jkt`, best before it asks: a use that
/// is spent for a thief is spent.
pub(crate) async fn consume(vault: &Vault, body: &[u8]) -> Result<Introspection, Refused> {
    let (by, asked) = authenticate(vault, body).await?;
    let (nonce, known) = match find(vault, &by, asked).await? {
        Ok(found) => found,
        Err(refused) => return inactive(vault, Endpoint::Consume, &by, refused).await,
    };
    // What was found a moment ago decides nothing: this does.
    let reason = match vault.ledger.spend(&nonce, vault.now()).await? {
        Spending::Spent => {
            vault.record(Event::Consume { call: &known.call, by: &by.name }).await?;
            return Ok(active(vault, known));
        }
        Spending::Refused(standing) => standing.as_str(),
        Spending::Unknown => "unknown",
    };
    inactive(vault, Endpoint::Consume, &by, dead(reason).about(&known.call)).await
}

/// The resource server that asks, by an assertion that one of its keys signed, and its question.
async fn authenticate(
    vault: &Vault,
    body: &[u8],
) -> Result<(Arc<ResourceServer>, Option<NonceToken>), Refused> {
    let Inspection { client: ClientAssertion { text, client_id, .. }, nonce } =
        Inspection::from_form(body).map_err(|code| Refused::new(code, "malformed"))?;
    let refuse = |reason| Refused::new(RefusalCode::InvalidClient, reason);
    let claimed = Claimed::of(&text).map_err(|_| refuse("assertion_malformed"))?;
    let server = vault
        .policy
        .load()
        .resource_server(&claimed.sub)
        .cloned()
        .filter(|server| client_id.is_none_or(|client| client == server.name))
        .ok_or_else(|| refuse("unknown_resource_server"))?;
    client::authenticate(vault, &server.name, &server.keys, &text).await?;
    Ok((server, nonce))
}

/// The nonce, when it is live and for a service of the server that asks.
async fn find(
    vault: &Vault,
    by: &ResourceServer,
    nonce: Option<NonceToken>,
) -> Result<Result<(NonceToken, KnownNonce), Refused>, Refused> {
    let Some(nonce) = nonce else { return Ok(Err(dead("no_nonce"))) };
    let Some(known) = vault.ledger.find(&nonce, vault.now()).await? else {
        return Ok(Err(dead("unknown")));
    };
    let about = About::from(&known.call);
    if !by.services.contains(&known.call.service) {
        return Ok(Err(dead("nonce_for_another_service").about(about)));
    }
    if known.standing != Standing::Live {
        return Ok(Err(dead(known.standing.as_str()).about(about)));
    }
    Ok(Ok((nonce, known)))
}

/// The caller is told no more than that; the audit is told why.
async fn inactive(
    vault: &Vault,
    at: Endpoint,
    by: &ResourceServer,
    mut refused: Refused,
) -> Result<Introspection, Refused> {
    refused.about.by = Some(by.name.clone());
    let Refused { code: error, reason, about, .. } = &refused;
    let event = Event::Refusal { at, error: *error, reason, about, method: None, path: None };
    vault.record(event).await?;
    Ok(Introspection::Inactive)
}

fn active(vault: &Vault, known: KnownNonce) -> Introspection {
    let KnownNonce { call, task, .. } = known;
    Introspection::Active(Box::new(ActiveNonce {
        issuer: vault.endpoints.issuer.to_string(),
        agent: call.agent,
        task: call.task,
        service: call.service,
        scope: call.scope,
        key: task.key,
        nonce_id: call.nonce_id,
        tool: call.tool,
        tool_call_id: call.tool_call_id,
        args_hash: call.args_hash,
    }))
}

fn dead(reason: &'static str) -> Refused {
    Refused::new(RefusalCode::InvalidToken, reason)
}
