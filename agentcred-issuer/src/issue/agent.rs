//! Who is asking: the agent whose key signed an assertion, whose workload it is about, or whose secret
//! is shown.

use agentcred_protocol::assertion::Claimed;
use agentcred_protocol::names::AgentId;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::{AssertionKind, ClientAssertion, ClientAuthentication};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::shared_secret;
use crate::audit::About;
use crate::client;
use crate::policy::{Agent, Policy};
use crate::refused::Refused;
use crate::vault::Vault;
use crate::workloads::Subject;

/// An agent, and how it is known.
pub(super) struct Authenticated {
    pub(super) agent: AgentId,
    /// The workload that it runs as, when a platform vouches for it.
    pub(super) subject: Option<Subject>,
}

/// The agent that a request for a task is from. One way to say so is enough (RFC 6749 section 2.3).
pub(super) async fn authenticate(
    vault: &Vault,
    headers: &HeaderMap,
    client: &ClientAuthentication,
) -> Result<Authenticated, Refused> {
    match (client, headers.get(AUTHORIZATION)) {
        (ClientAuthentication::Assertion(asserted), None) => by_assertion(vault, asserted).await,
        (ClientAuthentication::Elsewhere { client_id }, Some(shown)) if vault.development => {
            let agent = shared_secret::authenticate(vault, shown, client_id.as_deref()).await?;
            Ok(Authenticated { agent, subject: None })
        }
        (ClientAuthentication::Assertion(_), Some(_)) => {
            Err(Refused::new(RefusalCode::InvalidRequest, "authenticated_twice"))
        }
        (ClientAuthentication::Elsewhere { .. }, _) => {
            Err(Refused::new(RefusalCode::InvalidClient, "no_assertion"))
        }
    }
}

/// The agent that an assertion proves (RFC 7523 section 3). What it claims only says whose keys it
/// is checked with; a key belongs to one agent, and so does a workload.
async fn by_assertion(vault: &Vault, asserted: &ClientAssertion) -> Result<Authenticated, Refused> {
    let claimed = Claimed::of(&asserted.text)
        .map_err(|_| Refused::new(RefusalCode::InvalidClient, "assertion_malformed"))?;
    let policy = vault.policy.load_full();
    let own = policy.agent(&claimed.sub).filter(|(_, agent)| {
        let says_so = claimed.iss.as_ref() == Some(&claimed.sub);
        says_so && asserted.kind == AssertionKind::Jwt && !agent.keys.is_empty()
    });
    match own {
        Some((id, agent)) => by_key(vault, id, agent, asserted).await,
        None => by_platform(vault, &policy, asserted, &claimed).await,
    }
}

/// The agent that made the assertion itself, for one request.
async fn by_key(
    vault: &Vault,
    id: &AgentId,
    agent: &Agent,
    asserted: &ClientAssertion,
) -> Result<Authenticated, Refused> {
    let refuse = |reason| Refused::new(RefusalCode::InvalidClient, reason);
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
    Ok(Authenticated { agent: id.clone(), subject: None })
}

/// The agent for which somebody vouches. The assertion is good until it ends, so what it opens is
/// bound by the proof beside it alone.
async fn by_platform(
    vault: &Vault,
    policy: &Policy,
    asserted: &ClientAssertion,
    claimed: &Claimed,
) -> Result<Authenticated, Refused> {
    let is_known = |subject: &Subject| policy.agent_of(subject).is_some();
    let ClientAssertion { kind, text, client_id } = asserted;
    let platforms = policy.platforms();
    let subject = platforms.authenticate(*kind, text, claimed, is_known, vault).await?;
    let refuse = |reason| Refused::new(RefusalCode::InvalidClient, reason);
    let agent = policy.agent_of(&subject).ok_or_else(|| refuse("unknown_agent"))?;
    // A workload may go by the name of its agent or by its own (draft-ietf-oauth-spiffe-client-auth
    // section 3.1).
    if client_id.as_ref().is_some_and(|it| it != agent.as_str() && *it != claimed.sub) {
        let about = About { agent: Some(agent.clone()), ..About::default() };
        return Err(refuse("client_id_is_not_the_subject").about(about));
    }
    Ok(Authenticated { agent: agent.clone(), subject: Some(subject) })
}
