//! Who is asking: the agent that an assertion names and one of whose keys signed it.

use agentcred_protocol::assertion::Claimed;
use agentcred_protocol::names::AgentId;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::ClientAssertion;

use crate::audit::About;
use crate::client;
use crate::refused::Refused;
use crate::vault::Vault;

/// The agent that an assertion proves (RFC 7523 section 3). What it claims only says whose keys
/// it is checked with; a key belongs to one agent.
pub(super) async fn authenticate(
    vault: &Vault,
    asserted: &ClientAssertion,
) -> Result<AgentId, Refused> {
    let refuse = |reason| Refused::new(RefusalCode::InvalidClient, reason);
    let claimed = Claimed::of(&asserted.text).map_err(|_| refuse("assertion_malformed"))?;
    let policy = vault.policy.load_full();
    let (id, agent) = policy.agent(&claimed.sub).ok_or_else(|| refuse("unknown_agent"))?;
    if asserted.client_id.as_ref().is_some_and(|client| client != id.as_str()) {
        return Err(refuse("client_id_is_not_the_subject"));
    }
    let proven = client::authenticate(vault, id.as_str(), &agent.keys, &asserted.text).await;
    proven.map_err(|refused| {
        // Whoever replays an assertion shows one that this agent made.
        let is_known = refused.reason != "assertion_invalid";
        let about = About { agent: is_known.then(|| id.clone()), ..About::default() };
        refused.about(about)
    })?;
    Ok(id.clone())
}
