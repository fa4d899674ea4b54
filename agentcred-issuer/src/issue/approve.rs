//! A human's approval of a call that the policy grants only with one.

use agentcred_protocol::approval::PendingApproval;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::NonceRequest;

use crate::approvals::{Approved, AskedCall, TooMany, Unapproved};
use crate::audit::{About, Event};
use crate::call::Task;
use crate::refused::Refused;
use crate::vault::Vault;

/// The approval of a call, or how to wait for it. A request that names none asks for one.
pub(super) async fn approved<'v>(
    vault: &'v Vault,
    task: &Task,
    request: &NonceRequest,
) -> Result<Approved<'v>, Refused> {
    let call = AskedCall::of(task, request);
    match &request.approval {
        None => Err(pending(ask(vault, call, request).await?)),
        Some(id) => {
            vault.approvals.take(id, &call, vault.now()).map_err(|unapproved| match unapproved {
                Unapproved::Pending(next) => pending(next),
                Unapproved::TooSoon => Refused::new(RefusalCode::SlowDown, "polled_too_soon"),
                Unapproved::Denied => Refused::new(RefusalCode::AccessDenied, "approval_denied"),
                Unapproved::Over => Refused::new(RefusalCode::ExpiredToken, "no_such_approval"),
            })
        }
    }
}

/// Nobody is shown a call that is not in the audit.
async fn ask(
    vault: &Vault,
    call: AskedCall,
    request: &NonceRequest,
) -> Result<PendingApproval, Refused> {
    let about = About::from(&call);
    let id = vault.draw_approval_id()?;
    let (pending, is_new) = vault
        .approvals
        .ask(id, call, request.summary.clone(), vault.now())
        .map_err(|TooMany| Refused::new(RefusalCode::SlowDown, "too_many_pending"))?;
    if is_new {
        let approval_id = &pending.auth_req_id;
        let expires_in = pending.expires_in;
        let event = Event::ApprovalRequest { about: &about, approval_id, expires_in };
        if let Err(error) = vault.record(event).await {
            vault.approvals.withdraw(approval_id, vault.now());
            return Err(error.into());
        }
    }
    Ok(pending)
}

fn pending(next: PendingApproval) -> Refused {
    let refused = Refused::new(RefusalCode::AuthorizationPending, "approval_pending");
    Refused { pending: Some(Box::new(next)), ..refused }
}
