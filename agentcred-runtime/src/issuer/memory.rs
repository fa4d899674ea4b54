//! An issuer and upstream in memory, for tests of tools and agents.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentcred_protocol::names::{AgentId, NonceId, TaskId};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scrub::Scrubber;
use agentcred_protocol::token::NonceToken;
use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;

use super::{Credential, Issuer, IssuerError, MintRequest, Minted, TaskGrant};
use crate::egress::{EgressRequest, EgressResponse, RequestError};

/// Grants what it was told to grant, sends requests to a function, and remembers what happened.
///
/// ```
/// use agentcred_runtime::{EgressResponse, MemoryIssuer};
/// use http::StatusCode;
///
/// let issuer = MemoryIssuer::new(|_request| EgressResponse::new(StatusCode::OK, "{}"))
///     .grant("stripe", "read:customers");
/// assert_eq!(issuer.minted(), 0);
/// ```
///
/// # Security
/// For tests: it checks no key, no path and no method, as the real broker does.
#[derive(Clone)]
pub struct MemoryIssuer {
    upstream: Arc<Upstream>,
    grants: BTreeSet<(String, String)>,
    state: Arc<Mutex<State>>,
}

type Upstream = dyn Fn(&EgressRequest) -> EgressResponse + Send + Sync;

#[derive(Default)]
struct State {
    minted: usize,
    requests: usize,
    live: BTreeSet<NonceId>,
    closed: bool,
}

impl MemoryIssuer {
    /// An issuer that grants nothing yet, in front of an upstream that is this function.
    pub fn new(
        upstream: impl Fn(&EgressRequest) -> EgressResponse + Send + Sync + 'static,
    ) -> Self {
        Self { upstream: Arc::new(upstream), grants: BTreeSet::new(), state: Arc::default() }
    }

    /// Grants a scope of a service to every agent.
    #[must_use]
    pub fn grant(mut self, service: &str, scope: &str) -> Self {
        self.grants.insert((service.to_owned(), scope.to_owned()));
        self
    }

    /// How many nonces were minted so far.
    pub fn minted(&self) -> usize {
        self.lock().minted
    }

    /// How many requests reached the upstream so far.
    pub fn requests(&self) -> usize {
        self.lock().requests
    }

    /// How many nonces are neither revoked nor closed with their task.
    pub fn live(&self) -> usize {
        self.lock().live.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that panics runs under the lock, so its content is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Issuer for MemoryIssuer {
    async fn open_task(&self, _: &AgentId, _: &TaskId) -> Result<Box<dyn TaskGrant>, IssuerError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl TaskGrant for MemoryIssuer {
    async fn mint(&self, wish: &MintRequest) -> Result<Minted, IssuerError> {
        let granted = wish
            .scope
            .tokens()
            .all(|token| self.grants.contains(&(wish.service.to_string(), token.to_string())));
        if !granted {
            return Err(IssuerError::Refused(RefusalCode::InvalidScope));
        }
        let id = NonceId::fresh().map_err(|_| IssuerError::Local)?;
        let nonce = NonceToken::mint(&SystemRandom::new()).map_err(|_| IssuerError::Local)?;
        let mut state = self.lock();
        if state.closed {
            return Err(IssuerError::Refused(RefusalCode::InvalidGrant));
        }
        state.minted += 1;
        state.live.insert(id.clone());
        Ok(Minted {
            id: id.clone(),
            service: wish.service.clone(),
            scope: wish.scope.clone(),
            expires_in: wish.ttl.duration(),
            uses: wish.uses,
            credential: Box::new(MemoryNonce { issuer: self.clone(), id, nonce }),
        })
    }

    async fn close(&self) -> Result<(), IssuerError> {
        let mut state = self.lock();
        state.closed = true;
        state.live.clear();
        Ok(())
    }
}

struct MemoryNonce {
    issuer: MemoryIssuer,
    id: NonceId,
    nonce: NonceToken,
}

#[async_trait]
impl Credential for MemoryNonce {
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, RequestError> {
        {
            let mut state = self.issuer.lock();
            if !state.live.contains(&self.id) {
                return Err(RequestError::Refused(RefusalCode::InvalidToken));
            }
            state.requests += 1;
        }
        Ok((self.issuer.upstream)(&request))
    }

    async fn revoke(&self) -> Result<(), IssuerError> {
        self.issuer.lock().live.remove(&self.id);
        Ok(())
    }

    fn scrubber(&self) -> Scrubber {
        self.nonce.scrubber()
    }
}
