//! A task's grant: opened again when it nears its end, or when the vault side lost it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentcred_protocol::names::ApprovalId;
use agentcred_protocol::refusal::RefusalCode;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

use crate::background::Background;
use crate::issuer::{Issuer, IssuerError, MintRequest, Minted, OpenTask, TaskGrant};
use crate::patience::Patience;

/// A grant with less life than this is opened again before a nonce is minted from it.
const NEAR_THE_END: Duration = Duration::from_secs(30);

/// How long the end of a task waits for what is still being revoked.
const SETTLE_WAIT: Duration = Duration::from_secs(3);

/// What a task mints its nonces from.
pub(crate) struct Grant {
    issuer: Arc<dyn Issuer>,
    wish: OpenTask,
    background: Arc<Background>,
    state: Mutex<State>,
    /// Held while a grant is opened or closed, so that many calls open one and none after the end.
    opening: tokio::sync::Mutex<()>,
}

struct State {
    current: Arc<Opened>,
    /// Grants that calls which still run may hold nonces of.
    former: Vec<Arc<Opened>>,
    closed: bool,
}

struct Opened {
    grant: Box<dyn TaskGrant>,
    expires: Option<Instant>,
}

impl Grant {
    /// Opens the task at the issuer.
    pub(crate) async fn open(issuer: Arc<dyn Issuer>, wish: OpenTask) -> Result<Self, IssuerError> {
        let current = Opened::at(&*issuer, &wish).await?;
        Ok(Self {
            issuer,
            wish,
            background: Arc::default(),
            state: Mutex::new(State { current, former: Vec::new(), closed: false }),
            opening: tokio::sync::Mutex::default(),
        })
    }

    /// Mints a nonce. A caller that goes away while the issuer answers leaves no live nonce: the
    /// answer is awaited in the background, and the nonce is revoked.
    pub(crate) async fn mint(self: &Arc<Self>, wish: &MintRequest) -> Result<Minted, IssuerError> {
        let (grant, wish) = (Arc::clone(self), wish.clone());
        let minting = async move {
            let minted = grant.mint_now(&wish).await?;
            Ok::<_, IssuerError>(Unclaimed {
                minted: Some(minted),
                background: Arc::clone(&grant.background),
            })
        };
        let minting = tokio::spawn(minting.in_current_span().with_current_subscriber());
        let unclaimed: Unclaimed = minting.await.map_err(|_| IssuerError::Local)??;
        unclaimed.claim().ok_or(IssuerError::Local)
    }

    /// Closes every grant of the task.
    pub(crate) async fn close(&self) -> Result<(), IssuerError> {
        let _only = self.opening.lock().await;
        let grants: Vec<_> = {
            let mut state = self.state();
            state.closed = true;
            let current = Arc::clone(&state.current);
            state.former.drain(..).chain([current]).collect()
        };
        let mut closed = Ok(());
        for opened in grants.iter().filter(|opened| !opened.is_over()) {
            closed = closed.and(opened.grant.close().await);
        }
        closed
    }

    /// Tells the issuer that nobody waits for an approval any more.
    pub(crate) async fn withdraw(&self, approval: &ApprovalId) -> Result<(), IssuerError> {
        self.current().grant.withdraw(approval).await
    }

    /// Waits, within bounds, for what is being revoked.
    pub(crate) async fn settle(&self) {
        self.background.settle(SETTLE_WAIT).await;
    }

    pub(crate) fn background(&self) -> &Arc<Background> {
        &self.background
    }

    async fn mint_now(&self, wish: &MintRequest) -> Result<Minted, IssuerError> {
        let mut opened = self.current();
        if opened.is_near_its_end() {
            opened = self.open_again(&opened).await?;
        }
        let (mut patience, mut opened_again) = (Patience::default(), false);
        loop {
            match opened.grant.mint(wish).await {
                Err(IssuerError::Refused(RefusalCode::InvalidGrant)) if !opened_again => {
                    opened = self.open_again(&opened).await?;
                    opened_again = true;
                }
                Err(error) => patience.after(error).await?,
                Ok(minted) => return Ok(minted),
            }
        }
    }

    /// Opens the task again, unless another call has done so or the task is over.
    async fn open_again(&self, lost: &Arc<Opened>) -> Result<Arc<Opened>, IssuerError> {
        let _only = self.opening.lock().await;
        if self.state().closed {
            return Err(IssuerError::Refused(RefusalCode::InvalidGrant));
        }
        let current = self.current();
        if !Arc::ptr_eq(&current, lost) {
            return Ok(current);
        }
        let opened = Opened::at(&*self.issuer, &self.wish).await?;
        tracing::info!(agent = %self.wish.agent, task = %self.wish.task, "task opened again");
        let mut state = self.state();
        state.former.retain(|opened| !opened.is_over());
        let former = std::mem::replace(&mut state.current, Arc::clone(&opened));
        state.former.push(former);
        Ok(opened)
    }

    fn current(&self) -> Arc<Opened> {
        Arc::clone(&self.state().current)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // No code that panics runs under the lock, so its content is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    async fn at(issuer: &dyn Issuer, wish: &OpenTask) -> Result<Arc<Self>, IssuerError> {
        let mut patience = Patience::default();
        loop {
            match issuer.open_task(wish).await {
                Ok(grant) => {
                    let expires = grant.expires_in().map(|life| Instant::now() + life);
                    return Ok(Arc::new(Self { grant, expires }));
                }
                Err(error) => patience.after(error).await?,
            }
        }
    }

    fn is_near_its_end(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= Instant::now() + NEAR_THE_END)
    }

    fn is_over(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= Instant::now())
    }
}

/// A nonce that nobody has taken yet. Dropped, it is revoked.
struct Unclaimed {
    minted: Option<Minted>,
    background: Arc<Background>,
}

impl Unclaimed {
    fn claim(mut self) -> Option<Minted> {
        self.minted.take()
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let Some(minted) = self.minted.take() else { return };
        self.background.start(async move {
            match minted.credential.revoke().await {
                Ok(()) => tracing::debug!(nonce_id = %minted.id, "nonce revoked, its call was gone"),
                Err(error) => tracing::warn!(nonce_id = %minted.id, "nonce not revoked, its TTL ends it: {error}"),
            }
        });
    }
}
