//! A nonce while it lives: its uses are counted, and it is revoked once.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use agentcred_protocol::names::{NonceId, ServiceName};
use agentcred_protocol::scope::Scope;
use agentcred_protocol::scrub::Scrubber;
use agentcred_protocol::ttl::Uses;

use crate::egress::{EgressRequest, EgressResponse, RequestError};
use crate::issuer::{Credential, Minted};

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
    credential: Box<dyn Credential>,
}

impl LiveNonce {
    pub(crate) fn new(minted: Minted, tool: &str) -> Self {
        Self {
            id: minted.id,
            service: minted.service,
            scope: minted.scope,
            expires: Instant::now() + minted.expires_in,
            uses: minted.uses,
            tool: tool.to_owned(),
            used: AtomicU32::new(0),
            over: AtomicBool::new(false),
            credential: minted.credential,
        }
    }

    /// Spends one use on one upstream request.
    pub(crate) async fn send(
        &self,
        request: EgressRequest,
    ) -> Result<EgressResponse, RequestError> {
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
        self.credential.send(request).await
    }

    pub(crate) fn scrubber(&self) -> Scrubber {
        self.credential.scrubber()
    }

    /// Ends the nonce: no request starts after this, and the vault side is told unless every
    /// use is spent, which has ended it there already.
    pub(crate) async fn end(&self) {
        if self.over.swap(true, Ordering::SeqCst) || self.is_spent() {
            return;
        }
        match tokio::time::timeout(REVOCATION_WAIT, self.credential.revoke()).await {
            Ok(Ok(())) => tracing::debug!(nonce_id = %self.id, "nonce revoked"),
            Ok(Err(error)) => {
                tracing::warn!(nonce_id = %self.id, "nonce not revoked, its TTL ends it: {error}");
            }
            Err(_) => {
                tracing::warn!(nonce_id = %self.id, "nonce not revoked in time, its TTL ends it");
            }
        }
    }

    /// Ends the nonce from where nothing can be awaited, as a drop. Without a running executor
    /// the TTL ends it.
    pub(crate) fn end_in_background(self: std::sync::Arc<Self>) {
        if self.over.load(Ordering::SeqCst) {
            return;
        }
        if let Ok(executor) = tokio::runtime::Handle::try_current() {
            executor.spawn(async move { self.end().await });
        } else {
            self.over.store(true, Ordering::SeqCst);
        }
    }

    fn is_spent(&self) -> bool {
        self.used.load(Ordering::SeqCst) >= self.uses.count()
    }
}
