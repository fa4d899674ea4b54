//! Who is asking: the agent whose key signed an assertion, once.

use agentcred_protocol::assertion;
use agentcred_protocol::names::AgentId;
use agentcred_protocol::refusal::RefusalCode;

use crate::audit::About;
use crate::ledger::{Freshness, OneTimeId};
use crate::refused::Refused;
use crate::replay::Purpose;
use crate::vault::Vault;

/// The agent that an assertion proves. Its name comes from the policy, by the key that signed,
/// and never from anything that the caller wrote.
pub(super) async fn authenticate(vault: &Vault, text: &str) -> Result<AgentId, Refused> {
    let refuse = |reason| Refused::new(RefusalCode::InvalidClient, reason);
    let hint = assertion::key_hint(text).ok_or_else(|| refuse("assertion_names_no_key"))?;
    let (agent, key) = vault.policy.key_owner(&hint).ok_or_else(|| refuse("unknown_key"))?;
    let now = vault.now();
    let authenticated = assertion::verify(text, agent, key, &vault.endpoints.issuer, now)
        .map_err(|_| refuse("assertion_invalid"))?;
    let about =
        |refused: Refused| refused.about(About { agent: Some(agent.clone()), ..About::default() });
    let id = OneTimeId::of(Purpose::Assertion, &authenticated.key, &authenticated.id);
    match vault.ledger.spend_id(id, authenticated.expires, now).await {
        Ok(Freshness::New) => {}
        Ok(Freshness::Seen) => return Err(about(refuse("assertion_replayed"))),
        Err(error) => return Err(about(error.into())),
    }
    Ok(agent.clone())
}
