//! Who is asking: the agent whose key signed an assertion, once.

use agentcred_protocol::assertion;
use agentcred_protocol::names::AgentId;
use agentcred_protocol::refusal::RefusalCode;

use crate::audit::About;
use crate::refused::Refused;
use crate::replay::{NotNew, Purpose};
use crate::vault::Vault;

/// The agent that an assertion proves. Its name comes from the policy, by the key that signed,
/// and never from anything that the caller wrote.
pub(super) fn authenticate(vault: &Vault, text: &str) -> Result<AgentId, Refused> {
    let refuse = |reason| Refused::new(RefusalCode::InvalidClient, reason);
    let hint = assertion::key_hint(text).ok_or_else(|| refuse("assertion_names_no_key"))?;
    let (agent, key) = vault.policy.key_owner(&hint).ok_or_else(|| refuse("unknown_key"))?;
    let now = vault.now();
    let authenticated = assertion::verify(text, agent, key, &vault.endpoints.issuer, now)
        .map_err(|_| refuse("assertion_invalid"))?;
    vault
        .replay
        .remember(
            Purpose::Assertion,
            authenticated.key.as_str(),
            &authenticated.id,
            authenticated.expires,
            now,
        )
        .map_err(|not_new| {
            let about = About { agent: Some(agent.clone()), ..About::default() };
            match not_new {
                NotNew::Seen => refuse("assertion_replayed").about(about),
                NotNew::Full => Refused::unavailable("replay_memory_full").about(about),
            }
        })?;
    Ok(agent.clone())
}
