//! The issuing flow: a grant for a task, and from it a nonce for each call.

mod agent;
mod approve;
mod shared_secret;

use std::time::Duration;

use agentcred_protocol::answer::{GrantAnswer, GrantedCall, NonceAnswer, TOOL_CALL};
use agentcred_protocol::proof::ProvenRequest;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::{NonceRequest, TaskRequest, TokenRequest};
use agentcred_protocol::token::{GrantToken, NonceToken};
use agentcred_protocol::trace::TraceId;
use http::{HeaderMap, Method};
use zeroize::Zeroizing;

use crate::approvals::Approved;
use crate::audit::{About, Event};
use crate::call::{Call, Task};
use crate::ledger::{MintError, NewNonce};
use crate::policy::{Permit, Policy};
use crate::proven::Proof;
use crate::refused::Refused;
use crate::trace;
use crate::vault::Vault;
use crate::workloads::Subject;
use agent::Authenticated;

/// Answers a request to the token endpoint, in JSON.
pub(crate) async fn token(
    vault: &Vault,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let trace = trace::named(headers)?;
    let request = TokenRequest::from_form(body).map_err(|code| Refused::new(code, "malformed"))?;
    let endpoint = &vault.endpoints.token;
    let proven = ProvenRequest { method: &Method::POST, url: endpoint, token_hash: None };
    let proof = Proof::of(headers, proven, vault)?;
    let answer = match request {
        TokenRequest::Task(request) => grant_task(vault, headers, proof, request).await?.to_json(),
        TokenRequest::Nonce(request) => {
            let task = vault
                .ledger
                .task(&request.grant, vault.now())
                .await?
                .ok_or_else(|| Refused::new(RefusalCode::InvalidGrant, "task_over"))?;
            let about = wish(&task, &request);
            mint_nonce(vault, proof, task, *request, trace)
                .await
                .map_err(|refused| refused.about(about))?
                .to_json()
        }
    };
    answer.map_err(|_| Refused::unavailable("answer"))
}

/// Opens a task for the agent that the assertion proves, bound to the key of the proof. On behalf
/// of a user it ends when the user's token does.
async fn grant_task(
    vault: &Vault,
    headers: &HeaderMap,
    proof: Proof,
    request: TaskRequest,
) -> Result<GrantAnswer, Refused> {
    let authenticated = agent::authenticate(vault, headers, &request.client).await?;
    let Authenticated { agent, subject } = authenticated;
    let now = vault.now();
    let mut task = Task { agent, task: request.task, user: None, key: proof.key().clone() };
    let mut expires = now + TASK_LIFE;
    if let Some(token) = &request.user {
        let policy = vault.policy.load_full();
        let authenticated = policy.user_issuers().authenticate(token, vault).await;
        let (user, until) = authenticated.map_err(|refused| refused.about(&task))?;
        task.user = Some(user);
        expires = expires.min(until);
    }
    let about = |refused: Refused| refused.about(&task);
    proof.spend(vault).await.map_err(about)?;
    vault.admit(&task).map_err(about)?;
    let token = GrantToken::mint(&*vault.random)?;
    vault
        .ledger
        .open_task(&token, task.clone(), expires, now)
        .await
        .map_err(|error| about(error.into()))?;
    let expires_in = expires.since(now).as_secs();
    let event = Event::Task {
        agent: &task.agent,
        subject: subject.as_ref().map(Subject::as_str),
        task: &task.task,
        user: task.user.as_ref(),
        expires_in,
    };
    if let Err(error) = vault.record(event).await {
        vault.ledger.revoke_task(&token, now).await?;
        return Err(about(error.into()));
    }
    Ok(GrantAnswer { token, expires_in })
}

/// Mints a nonce for one call of a task: proven, permitted, remembered, recorded.
async fn mint_nonce(
    vault: &Vault,
    proof: Proof,
    task: Task,
    request: NonceRequest,
    trace_id: Option<TraceId>,
) -> Result<NonceAnswer, Refused> {
    proof.spend_as(&task.key, vault).await?;
    vault.admit(&task)?;
    if vault.endpoints.service(&request.service).as_ref() != Some(&request.resource) {
        return Err(Refused::new(RefusalCode::InvalidTarget, "resource_is_not_the_service"));
    }
    let policy = vault.policy.load_full();
    let permit = policy.permit(
        &task,
        &request.service,
        &request.scope,
        request.ttl,
        request.call.num_uses,
        vault.now(),
    )?;
    let approved = if permit.needs_approval() {
        Some(approve::approved(vault, &task, &request).await?)
    } else {
        None
    };
    let by = approved.as_ref();
    let minted = mint_permitted(vault, &policy, &permit, task, request, by, trace_id).await;
    match (approved, &minted) {
        (Some(approved), Ok(_)) => approved.use_up(),
        (Some(approved), Err(_)) => approved.give_back().await,
        (None, _) => {}
    }
    minted
}

/// The rest of it, when nothing stands against it any more.
async fn mint_permitted(
    vault: &Vault,
    policy: &Policy,
    permit: &Permit,
    task: Task,
    request: NonceRequest,
    approved: Option<&Approved>,
    trace_id: Option<TraceId>,
) -> Result<NonceAnswer, Refused> {
    let call = Call {
        agent: task.agent,
        task: task.task,
        user: task.user,
        tool: request.call.tool,
        tool_call_id: request.call.tool_call_id,
        args_hash: request.call.args_hash,
        nonce_id: vault.draw_nonce_id()?,
        service: request.service,
        scope: request.scope,
    };
    let token = NonceToken::mint(&*vault.random)?;
    let now = vault.now();
    let expires = now + permit.ttl().duration();
    let entry = NewNonce { call: call.clone(), uses: permit.uses(), expires };
    vault.ledger.add_nonce(&request.grant, &token, entry, policy.max_outstanding(), now).await?;
    let (expires_in, num_uses) = (permit.ttl().seconds(), permit.uses());
    let event = Event::Mint {
        call: &call,
        expires_in,
        num_uses: num_uses.count(),
        approval_id: approved.map(Approved::id),
        approved_by: approved.map(Approved::by),
        trace_id,
    };
    if let Err(error) = vault.record(event).await {
        vault.ledger.revoke_nonce(&token, now).await?;
        return Err(error.into());
    }
    Ok(NonceAnswer {
        token,
        expires_in,
        scope: call.scope,
        details: GrantedCall {
            kind: TOOL_CALL.to_owned(),
            tool: call.tool,
            tool_call_id: call.tool_call_id,
            args_hash: call.args_hash,
            num_uses,
            nonce_id: call.nonce_id,
        },
    })
}

/// What a task wishes for, in case it is refused.
fn wish(task: &Task, request: &NonceRequest) -> About {
    About {
        tool: Some(request.call.tool.clone()),
        tool_call_id: Some(request.call.tool_call_id.clone()),
        args_hash: Some(request.call.args_hash.clone()),
        service: Some(request.service.clone()),
        scope: Some(request.scope.clone()),
        ..About::from(task)
    }
}

impl From<MintError> for Refused {
    fn from(error: MintError) -> Self {
        match error {
            MintError::TaskOver => Self::new(RefusalCode::InvalidGrant, "task_over"),
            MintError::TooMany => Self::new(RefusalCode::SlowDown, "too_many_outstanding"),
            MintError::Ledger(error) => error.into(),
        }
    }
}

/// How long one task may run. A nonce lives minutes; what it is minted from lives for a shift.
const TASK_LIFE: Duration = Duration::from_hours(12);
