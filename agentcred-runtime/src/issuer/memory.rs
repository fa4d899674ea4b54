//! An issuer and upstream in memory, for tests of tools and agents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::approval::PendingApproval;
use agentcred_protocol::names::{ApprovalId, NonceId};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scrub::Scrubber;
use agentcred_protocol::token::NonceToken;
use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use tokio::time::Instant;

use super::{Credential, Issuer, IssuerError, MintRequest, Minted, OpenTask, TaskGrant};
use crate::egress::{EgressRequest, EgressResponse, RequestError};

/// Grants what it was told to grant, sends requests to a function, and remembers what happened.
///
/// Nonces and tasks expire by tokio's clock, as everything on the agent's side does that takes
/// time. A test that starts with it paused, `#[tokio::test(start_paused = true)]`, moves it with
/// `tokio::time::advance` and waits for nothing.
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
    minting: Arc<Minting>,
    grants: Grants,
    human: Option<Arc<Human>>,
    task_life: Option<Duration>,
    state: Arc<Mutex<State>>,
}

/// The upstream: what was asked, and the text of the nonce that it was asked with.
type Upstream = dyn Fn(&EgressRequest, &str) -> EgressResponse + Send + Sync;

/// Whoever approves: yes, no, or nothing yet.
type Human = dyn Fn(&MintRequest) -> Option<bool> + Send + Sync;

/// Is told the text of every nonce.
type Minting = dyn Fn(&str) + Send + Sync;

#[derive(Clone)]
enum Grants {
    Listed(BTreeSet<(String, String)>),
    /// For a probe, which calls tools that it does not know.
    #[cfg(feature = "testing")]
    Everything,
}

#[derive(Default)]
struct State {
    minted: usize,
    requests: usize,
    withdrawn: usize,
    opened: usize,
    /// The tasks that are open, by the order in which they were opened.
    open: BTreeSet<usize>,
    /// The nonces that are neither spent nor revoked nor closed with their task. Some may have
    /// expired.
    live: BTreeMap<NonceId, Live>,
    /// How many more times the issuer cannot be reached.
    away: usize,
}

struct Live {
    task: usize,
    uses_left: u32,
    expires: Instant,
}

impl MemoryIssuer {
    /// An issuer that grants nothing yet, in front of an upstream that is this function.
    pub fn new(
        upstream: impl Fn(&EgressRequest) -> EgressResponse + Send + Sync + 'static,
    ) -> Self {
        Self {
            upstream: Arc::new(move |request, _| upstream(request)),
            minting: Arc::new(|_| ()),
            grants: Grants::Listed(BTreeSet::new()),
            human: None,
            task_life: None,
            state: Arc::default(),
        }
    }

    /// An issuer that grants everything, tells the text of every nonce, and has an upstream that
    /// can repeat it.
    #[cfg(feature = "testing")]
    pub(crate) fn echoing(
        minting: impl Fn(&str) + Send + Sync + 'static,
        upstream: impl Fn(&EgressRequest, &str) -> EgressResponse + Send + Sync + 'static,
    ) -> Self {
        Self {
            upstream: Arc::new(upstream),
            minting: Arc::new(minting),
            grants: Grants::Everything,
            human: None,
            task_life: None,
            state: Arc::default(),
        }
    }

    /// Grants a scope of a service to every agent.
    #[must_use]
    pub fn grant(mut self, service: &str, scope: &str) -> Self {
        match &mut self.grants {
            Grants::Listed(grants) => {
                grants.insert((service.to_owned(), scope.to_owned()));
            }
            #[cfg(feature = "testing")]
            Grants::Everything => {}
        }
        self
    }

    /// Lets a human approve every call: he is asked each time that a call asks for its nonce, and
    /// says yes, no, or nothing yet. A call waits a second between two times.
    #[must_use]
    pub fn approved_by(
        self,
        human: impl Fn(&MintRequest) -> Option<bool> + Send + Sync + 'static,
    ) -> Self {
        Self { human: Some(Arc::new(human)), ..self }
    }

    /// How many approvals were withdrawn so far.
    pub fn withdrawn(&self) -> usize {
        self.lock().withdrawn
    }

    /// Lets tasks end by themselves, this long after they were opened.
    #[must_use]
    pub fn task_life(self, life: Duration) -> Self {
        Self { task_life: Some(life), ..self }
    }

    /// Forgets every task and nonce, as an issuer that lost its memory does.
    pub fn restart(&self) {
        let mut state = self.lock();
        state.open.clear();
        state.live.clear();
    }

    /// Cannot be reached by the next so many questions.
    pub fn go_away(&self, questions: usize) {
        self.lock().away = questions;
    }

    /// How many tasks were opened so far.
    pub fn opened(&self) -> usize {
        self.lock().opened
    }

    /// How many nonces were minted so far.
    pub fn minted(&self) -> usize {
        self.lock().minted
    }

    /// How many requests reached the upstream so far.
    pub fn requests(&self) -> usize {
        self.lock().requests
    }

    /// How many nonces are neither spent nor revoked nor expired nor closed with their task.
    pub fn live(&self) -> usize {
        let now = Instant::now();
        self.lock().live.values().filter(|nonce| now < nonce.expires).count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that panics runs under the lock, so its content is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer(&mut self) -> Result<(), IssuerError> {
        if self.away == 0 {
            return Ok(());
        }
        self.away -= 1;
        Err(IssuerError::Unreachable { issuer: "memory".to_owned() })
    }
}

#[async_trait]
impl Issuer for MemoryIssuer {
    async fn open_task(&self, _: &OpenTask) -> Result<Box<dyn TaskGrant>, IssuerError> {
        let mut state = self.lock();
        state.answer()?;
        state.opened += 1;
        let number = state.opened;
        state.open.insert(number);
        let expires = self.task_life.map(|life| Instant::now() + life);
        Ok(Box::new(MemoryGrant { issuer: self.clone(), number, expires }))
    }
}

struct MemoryGrant {
    issuer: MemoryIssuer,
    number: usize,
    expires: Option<Instant>,
}

#[async_trait]
impl TaskGrant for MemoryGrant {
    async fn mint(&self, wish: &MintRequest) -> Result<Minted, IssuerError> {
        let grants = &self.issuer.grants;
        if !wish
            .scope
            .tokens()
            .all(|token| grants.contain(wish.service.as_str(), &token.to_string()))
        {
            return Err(IssuerError::Refused(RefusalCode::InvalidScope));
        }
        if let Some(human) = &self.issuer.human {
            let auth_req_id = ApprovalId::new(format!("ap_{}", wish.call.as_str().len()))
                .map_err(|_| IssuerError::Local)?;
            let pending = || PendingApproval { auth_req_id, interval: 1, expires_in: 300 };
            match (&wish.approval, human(wish)) {
                (Some(_), Some(true)) => {}
                (Some(_), Some(false)) => {
                    return Err(IssuerError::Refused(RefusalCode::AccessDenied));
                }
                _ => return Err(IssuerError::Pending(pending())),
            }
        }
        let id = NonceId::fresh().map_err(|_| IssuerError::Local)?;
        let nonce = NonceToken::mint(&SystemRandom::new()).map_err(|_| IssuerError::Local)?;
        (self.issuer.minting)(&text(&nonce)?);
        let mut state = self.issuer.lock();
        state.answer()?;
        let left = self.expires_in().unwrap_or(Duration::MAX);
        if left.is_zero() || !state.open.contains(&self.number) {
            return Err(IssuerError::Refused(RefusalCode::InvalidGrant));
        }
        state.minted += 1;
        let expires_in = wish.ttl.duration().min(left);
        let (uses_left, expires) = (wish.uses.count(), Instant::now() + expires_in);
        state.live.insert(id.clone(), Live { task: self.number, uses_left, expires });
        Ok(Minted {
            id: id.clone(),
            service: wish.service.clone(),
            scope: wish.scope.clone(),
            expires_in,
            uses: wish.uses,
            credential: Box::new(MemoryNonce { issuer: self.issuer.clone(), id, nonce }),
        })
    }

    async fn close(&self) -> Result<(), IssuerError> {
        let mut state = self.issuer.lock();
        state.open.remove(&self.number);
        state.live.retain(|_, nonce| nonce.task != self.number);
        Ok(())
    }

    async fn withdraw(&self, _: &ApprovalId) -> Result<(), IssuerError> {
        self.issuer.lock().withdrawn += 1;
        Ok(())
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires.map(|expires| expires.saturating_duration_since(Instant::now()))
    }
}

struct MemoryNonce {
    issuer: MemoryIssuer,
    id: NonceId,
    nonce: NonceToken,
}

#[async_trait]
impl Credential for MemoryNonce {
    async fn send(&self, mut request: EgressRequest) -> Result<EgressResponse, RequestError> {
        if let Some(upload) = request.upload.take() {
            request.body = upload.read().await?;
        }
        {
            let mut state = self.issuer.lock();
            let now = Instant::now();
            let Some(nonce) = state.live.get_mut(&self.id).filter(|nonce| now < nonce.expires)
            else {
                return Err(RequestError::Refused(RefusalCode::InvalidToken));
            };
            nonce.uses_left -= 1;
            if nonce.uses_left == 0 {
                state.live.remove(&self.id);
            }
            state.requests += 1;
        }
        let nonce = text(&self.nonce).map_err(|_| RequestError::Local)?;
        Ok((self.issuer.upstream)(&request, &nonce))
    }

    async fn revoke(&self) -> Result<(), IssuerError> {
        self.issuer.lock().live.remove(&self.id);
        Ok(())
    }

    fn scrubber(&self) -> Scrubber {
        self.nonce.scrubber()
    }
}

impl Grants {
    fn contain(&self, service: &str, scope: &str) -> bool {
        match self {
            Self::Listed(grants) => grants.contains(&(service.to_owned(), scope.to_owned())),
            #[cfg(feature = "testing")]
            Self::Everything => true,
        }
    }
}

/// The nonce's text, as an upstream would read it off the wire.
fn text(nonce: &NonceToken) -> Result<String, IssuerError> {
    let authorization = nonce.authorization().map_err(|_| IssuerError::Local)?;
    let text = authorization.to_str().map_err(|_| IssuerError::Local)?;
    Ok(text.trim_start_matches("DPoP ").to_owned())
}
