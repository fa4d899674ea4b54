//! A nonce while it lives: its uses are counted, and it is revoked once.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::names::{NonceId, ServiceName};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scope::Scope;
use agentcred_protocol::scrub::Scrubber;
use agentcred_protocol::ttl::Uses;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::egress::{EgressRequest, EgressResponse, RequestError};
use crate::grant::Grant;
use crate::issuer::{Credential, IssuerError, MintRequest, Minted};
use crate::telemetry;

/// How long the end of a call waits for a revocation; after that the TTL does it.
const REVOCATION_WAIT: Duration = Duration::from_secs(2);

/// What the handle in the tool's hands and the call around it share.
pub(crate) struct LiveNonce {
    pub(crate) id: NonceId,
    pub(crate) service: ServiceName,
    pub(crate) scope: Scope,
    pub(crate) expires: Instant,
    pub(crate) uses: Uses,
    tool: String,
    used: AtomicU32,
    over: AtomicBool,
    replaced: AtomicBool,
    /// The last one is good; one before it was lost by the vault side.
    credentials: Mutex<Vec<Arc<dyn Credential>>>,
    source: Source,
}

/// Where a nonce came from, and where another one comes from when the vault side lost it.
pub(crate) struct Source {
    pub(crate) grant: Arc<Grant>,
    pub(crate) wish: MintRequest,
}

impl Source {
    /// Asks for the nonce, once.
    pub(crate) async fn ask(&self) -> Result<Minted, IssuerError> {
        // OpenTelemetry semantic conventions: a span of a client.
        let span = tracing::info_span!(
            "mint",
            otel.kind = "client",
            otel.status_code = Empty,
            server.address = Empty,
            server.port = Empty,
            agentcred.service = %self.wish.service,
            agentcred.scope = %self.wish.scope,
            error.type = Empty,
        );
        let outcome = self.grant.mint(&self.wish).instrument(span.clone()).await;
        span.in_scope(|| telemetry::minting(self.wish.service.as_str(), &outcome));
        outcome
    }

    /// The nonce that was minted of this wish.
    pub(crate) fn into_live(self, minted: Minted, tool: &str) -> LiveNonce {
        tracing::info!(nonce_id = %minted.id, service = %minted.service, scope = %minted.scope, ttl_seconds = minted.expires_in.as_secs(), "nonce minted");
        LiveNonce::new(minted, tool, self)
    }
}

impl LiveNonce {
    fn new(minted: Minted, tool: &str, source: Source) -> Self {
        Self {
            id: minted.id,
            service: minted.service,
            scope: minted.scope,
            expires: Instant::now() + minted.expires_in,
            uses: minted.uses,
            tool: tool.to_owned(),
            used: AtomicU32::new(0),
            over: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
            credentials: Mutex::new(vec![minted.credential.into()]),
            source,
        }
    }

    /// Spends one use on one upstream request.
    pub(crate) async fn send(
        &self,
        request: EgressRequest,
    ) -> Result<EgressResponse, RequestError> {
        // OpenTelemetry semantic conventions for HTTP, "client span". A path is no part of it:
        // it may hold what an argument held.
        let span = tracing::info_span!(
            "request",
            otel.name = request.method.as_str(),
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = request.method.as_str(),
            http.response.status_code = Empty,
            server.address = Empty,
            server.port = Empty,
            agentcred.service = %self.service,
            agentcred.nonce.id = %self.id,
            error.type = Empty,
        );
        let sending = async {
            let outcome = self.send_within(request).await;
            telemetry::requested(&outcome);
            outcome
        };
        sending.instrument(span).await
    }

    async fn send_within(&self, request: EgressRequest) -> Result<EgressResponse, RequestError> {
        if self.over.load(Ordering::SeqCst) {
            return Err(RequestError::CallOver);
        }
        let attempted = self.used.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        if attempted > self.uses.count() {
            let error = RequestError::UsesExceeded {
                tool: self.tool.clone(),
                service: self.service.clone(),
                allowed: self.uses.count(),
                attempted,
            };
            tracing::warn!(nonce_id = %self.id, "{error}");
            return Err(error);
        }
        let credential = self.credential()?;
        match credential.send(request.clone()).await {
            // The broker's own refusal: the upstream saw nothing. In a nonce's life it means that
            // the vault side started anew and lost it.
            Err(RequestError::Refused(RefusalCode::InvalidToken))
                if Instant::now() < self.expires && request.upload.is_none() =>
            {
                self.replace(&credential).await?.send(request).await
            }
            outcome => outcome,
        }
    }

    /// Everything that must be taken out of what the tool gives back.
    pub(crate) fn scrubbers(&self) -> Vec<Scrubber> {
        self.credentials().iter().map(|credential| credential.scrubber()).collect()
    }

    /// Mints another nonce in place of one that the vault side lost, once in a nonce's life.
    async fn replace(
        &self,
        lost: &Arc<dyn Credential>,
    ) -> Result<Arc<dyn Credential>, RequestError> {
        const REFUSED: RequestError = RequestError::Refused(RefusalCode::InvalidToken);
        if self.replaced.swap(true, Ordering::SeqCst) {
            let credential = self.credential()?;
            return if Arc::ptr_eq(&credential, lost) { Err(REFUSED) } else { Ok(credential) };
        }
        tracing::warn!(nonce_id = %self.id, "the vault side does not know this nonce; asking for another one");
        let minted = self.source.grant.mint(&self.source.wish).await.map_err(|_| REFUSED)?;
        let credential: Arc<dyn Credential> = minted.credential.into();
        self.credentials().push(Arc::clone(&credential));
        if self.over.load(Ordering::SeqCst) {
            // The call ended meanwhile and has revoked what there was.
            let _ = credential.revoke().await;
            return Err(RequestError::CallOver);
        }
        tracing::info!(nonce_id = %minted.id, replaces = %self.id, "nonce minted");
        Ok(credential)
    }

    fn credential(&self) -> Result<Arc<dyn Credential>, RequestError> {
        self.credentials().last().cloned().ok_or(RequestError::CallOver)
    }

    fn credentials(&self) -> MutexGuard<'_, Vec<Arc<dyn Credential>>> {
        // No code that panics runs under the lock, so its content is whole.
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the nonce: no request starts after this, and the vault side is told unless every
    /// use is spent, which has ended it there already. Whoever stops waiting for it does not stop
    /// it: a call can be dropped while it ends, too.
    pub(crate) async fn end(self: Arc<Self>) {
        let (done, ended) = oneshot::channel();
        self.end_and_then(move || {
            let _ = done.send(());
        });
        // Without an executor there is nothing to wait for.
        let _ = ended.await;
    }

    /// Ends the nonce from where nothing can be awaited, as a drop. Without a running executor
    /// the TTL ends it.
    pub(crate) fn end_in_background(self: Arc<Self>) {
        if !self.over.load(Ordering::SeqCst) {
            self.end_and_then(|| ());
        }
    }

    fn end_and_then(self: Arc<Self>, then: impl FnOnce() + Send + 'static) {
        let nonce = Arc::clone(&self);
        let ending = async move {
            nonce.revoke().await;
            then();
        };
        if !self.source.grant.background().start(ending) {
            self.over.store(true, Ordering::SeqCst);
        }
    }

    /// Tells the vault side, once.
    async fn revoke(&self) {
        let ended = self.uses_left() == 0 && !self.replaced.load(Ordering::SeqCst);
        if self.over.swap(true, Ordering::SeqCst) || ended {
            return;
        }
        let Ok(credential) = self.credential() else { return };
        let span = tracing::info_span!(
            "revoke",
            otel.kind = "client",
            otel.status_code = Empty,
            server.address = Empty,
            server.port = Empty,
            agentcred.nonce.id = %self.id,
            error.type = Empty,
        );
        let revoking = async {
            match tokio::time::timeout(REVOCATION_WAIT, credential.revoke()).await {
                Ok(Ok(())) => tracing::debug!(nonce_id = %self.id, "nonce revoked"),
                Ok(Err(error)) => {
                    telemetry::failed(error.kind());
                    tracing::warn!(nonce_id = %self.id, "nonce not revoked, its TTL ends it: {error}");
                }
                Err(_) => {
                    telemetry::failed("timed_out");
                    tracing::warn!(nonce_id = %self.id, "nonce not revoked in time, its TTL ends it");
                }
            }
        };
        revoking.instrument(span).await;
    }

    /// How many requests it allows that were not made yet.
    pub(crate) fn uses_left(&self) -> u32 {
        self.uses.count().saturating_sub(self.used.load(Ordering::SeqCst))
    }
}
