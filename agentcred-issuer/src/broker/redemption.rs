//! Single use: redeeming spends the entry, and whoever redeemed may go on.

use agentcred_protocol::proof::ProvenRequest;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::token::NonceToken;
use agentcred_protocol::trace::TraceId;
use http::header::{self, HeaderMap};
use http::request::Parts;

use crate::call::Call;
use crate::ledger::{KnownNonce, Spending, Standing};
use crate::proven::{Proof, only};
use crate::refused::Refused;
use crate::trace;
use crate::vault::Vault;

/// A nonce that was known, proven, unexpired and unspent, and of which one use is spent now.
#[derive(Debug)]
#[must_use = "a use is spent, so the request should go on"]
pub(super) struct Redemption {
    nonce: NonceToken,
    call: Call,
    trace: Option<TraceId>,
}

impl Redemption {
    /// Redeems the nonce of a request. A request without the right proof spends nothing, so
    /// that a stolen nonce cannot be used up by the thief.
    pub(super) async fn of(vault: &Vault, head: &Parts) -> Result<Self, Refused> {
        let trace = trace::named(&head.headers)?;
        let nonce = shown(&head.headers).ok_or_else(|| dead("no_nonce"))?;
        let url = vault.endpoints.received(head.uri.path()).ok_or_else(|| dead("no_url"))?;
        let token_hash = nonce.proof_hash();
        let proven =
            ProvenRequest { method: &head.method, url: &url, token_hash: Some(&token_hash) };
        let proof = Proof::of(&head.headers, proven, vault)?;
        let Some(KnownNonce { call, task, standing }) =
            vault.ledger.find(&nonce, vault.now()).await?
        else {
            return Err(dead("unknown"));
        };
        let about = |refused: Refused| refused.about(&call);
        if standing != Standing::Live {
            return Err(about(dead(standing.as_str())));
        }
        proof.spend_as(&task.key, vault).await.map_err(about)?;
        // What was found a moment ago decides nothing: this does.
        match vault.ledger.spend(&nonce, vault.now()).await? {
            Spending::Spent => Ok(Self { nonce, call, trace }),
            Spending::Refused(standing) => Err(about(dead(standing.as_str()))),
            Spending::Unknown => Err(about(dead("unknown"))),
        }
    }

    pub(super) fn call(&self) -> &Call {
        &self.call
    }

    pub(super) fn trace(&self) -> Option<TraceId> {
        self.trace
    }

    pub(super) fn nonce(&self) -> &NonceToken {
        &self.nonce
    }
}

/// The nonce that a caller shows, of which nothing is known yet.
pub(super) fn shown(headers: &HeaderMap) -> Option<NonceToken> {
    NonceToken::from_authorization(only(headers, header::AUTHORIZATION.as_str())?).ok()
}

fn dead(reason: &'static str) -> Refused {
    Refused::new(RefusalCode::InvalidToken, reason)
}
