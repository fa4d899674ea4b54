//! A human's approval of a call that the policy grants only with one.

use agentcred_protocol::approval::PendingApproval;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::NonceRequest;

use crate::approvals::{Approved, AskedCall, Unapproved, Unasked};
use crate::audit::{About, Event};
use crate::call::Task;
use crate::refused::Refused;
use crate::vault::Vault;

/// The approval of a call, or how to wait for it. A request that names none asks for one.
pub(super) async fn approved(
    vault: &Vault,
    task: &Task,
    request: &NonceRequest,
) -> Result<Approved, Refused> {
    let call = vault.approvals.call(task, request);
    let Some(id) = &request.approval else {
        return Err(pending(ask(vault, call, request).await?));
    };
    let taken = vault.approvals.take(id, &call, vault.now()).await;
    taken.map_err(|unapproved| match unapproved {
        Unapproved::Pending(next) => pending(next),
        Unapproved::TooSoon => Refused::new(RefusalCode::SlowDown, "polled_too_soon"),
        Unapproved::Denied => Refused::new(RefusalCode::AccessDenied, "approval_denied"),
        Unapproved::Over => Refused::new(RefusalCode::ExpiredToken, "no_such_approval"),
        Unapproved::Ledger(error) => error.into(),
    })
}

/// Nobody is shown a call that is not in the audit.
async fn ask(
    vault: &Vault,
    call: AskedCall,
    request: &NonceRequest,
) -> Result<PendingApproval, Refused> {
    let about = About::from(&call);
    let id = vault.draw_approval_id()?;
    let asked = vault.approvals.ask(id, call, request.summary.clone(), vault.now()).await;
    let (pending, is_new) = asked.map_err(|unasked| match unasked {
        Unasked::TooMany => Refused::new(RefusalCode::SlowDown, "too_many_pending"),
        Unasked::Ledger(error) => error.into(),
    })?;
    if is_new {
        let approval_id = &pending.auth_req_id;
        let expires_in = pending.expires_in;
        let event = Event::ApprovalRequest { about: &about, approval_id, expires_in };
        if let Err(error) = vault.record(event).await {
            vault.approvals.withdraw(approval_id, vault.now()).await?;
            return Err(error.into());
        }
    }
    Ok(pending)
}

fn pending(next: PendingApproval) -> Refused {
    let refused = Refused::new(RefusalCode::AuthorizationPending, "approval_pending");
    Refused { pending: Some(Box::new(next)), ..refused }
}
