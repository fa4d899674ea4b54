//! Revocation (RFC 7009): a nonce dies, or a task with every nonce of it.

use agentcred_protocol::request::Revocation;

use crate::audit::{About, Event};
use crate::refused::Refused;
use crate::vault::Vault;

/// Kills the token in the body. It takes effect before it is recorded: an audit that cannot be
/// written must not keep anything alive.
///
/// Whoever holds a token may kill it; no proof is asked, since all that a thief could do with
/// this is to end the theft. A token that is unknown or dead already is answered like any other
/// (RFC 7009 section 2.2).
pub(crate) async fn revoke(vault: &Vault, body: &[u8]) -> Result<(), Refused> {
    let token = Revocation::from_form(body).map_err(|code| Refused::new(code, "malformed"))?;
    let now = vault.now();
    let (about, nonces) = match token {
        Revocation::Nonce(nonce) => match vault.ledger.revoke_nonce(&nonce, now).await? {
            Some(call) => (About::from(&call), 1),
            None => return Ok(()),
        },
        Revocation::Grant(grant) => {
            vault.approvals.withdraw_grant(&grant).await;
            match vault.ledger.revoke_task(&grant, now).await? {
                Some((task, nonces)) => (About::from(&task), nonces),
                None => return Ok(()),
            }
        }
        Revocation::Approval(id) => {
            if let Some(call) = vault.approvals.withdraw(&id, now).await? {
                let about = &About::from(&call);
                let decision = "withdrawn";
                let event = Event::Approval { about, approval_id: &id, decision, operator: None };
                vault.record(event).await?;
            }
            return Ok(());
        }
        Revocation::Unknown => return Ok(()),
    };
    vault.record(Event::Revoke { about: &about, nonces, operator: None }).await?;
    Ok(())
}
