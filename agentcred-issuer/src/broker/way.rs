//! The way of one request to its upstream: over a kept connection or a new one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response};

use super::pool::{Aged, Holder};
use super::received::{Lease, Received};
use crate::call::Call;
use crate::connection::{Broken, Connection};
use crate::dial::DialError;
use crate::outgoing::Outgoing;
use crate::rules::Method;
use crate::service::Service;
use crate::vault::Vault;

/// Which connections will do.
#[derive(Clone, Copy)]
pub(super) enum Lines {
    /// One that was kept, or a new one.
    Kept,
    /// A new one.
    New,
}

/// Why no answer came.
pub(super) enum Unsent {
    /// There was no connection.
    Dial(DialError),
    /// A kept connection ended before an answer began.
    Stale,
    /// A new connection did.
    BrokeOff,
}

/// The way to a service for one request.
pub(super) struct Way<'s> {
    service: &'s Service,
    holder: Holder,
    method: Method,
    has_connected: AtomicBool,
}

impl<'s> Way<'s> {
    pub(super) fn to(service: &'s Service, call: &Call, method: Method) -> Self {
        Self { service, holder: call.into(), method, has_connected: AtomicBool::new(false) }
    }

    /// Whether there was a connection, so that something may have been sent.
    pub(super) fn has_connected(&self) -> bool {
        self.has_connected.load(Ordering::Relaxed)
    }

    /// Sends the head of a request with a body.
    pub(super) async fn send(
        &self,
        request: &Request<Bytes>,
        mut body: Outgoing,
        lines: Lines,
        vault: &Vault,
    ) -> Result<Response<Received>, Unsent> {
        if let Lines::Kept = lines
            && let Some(kept) = self.kept(vault)
        {
            self.has_connected.store(true, Ordering::Relaxed);
            match self.over(kept, request, body, vault).await {
                // It closed while nothing was under way, so nothing is lost.
                Err(Broken::BeforeSending(unsent)) => {
                    self.has_connected.store(false, Ordering::Relaxed);
                    body = unsent;
                }
                answered => return answered.map_err(|_| Unsent::Stale),
            }
        }
        let opening = Connection::open(&self.service.destination, &*vault.resolver);
        let opened = vault.now();
        let aged = Aged { connection: opening.await.map_err(Unsent::Dial)?, opened };
        self.has_connected.store(true, Ordering::Relaxed);
        self.service.pool.share(&aged, &vault.clock);
        self.over(aged, request, body, vault).await.map_err(|_| Unsent::BrokeOff)
    }

    /// A request that changes something never goes over an HTTP/1.1 connection that the upstream
    /// may be about to close: nobody could tell whether it arrived.
    fn kept(&self, vault: &Vault) -> Option<Aged> {
        let (pool, now) = (&self.service.pool, vault.now());
        let own = self.method.is_safe().then(|| pool.take(&self.holder, now));
        own.flatten().or_else(|| pool.shared(now))
    }

    async fn over(
        &self,
        mut aged: Aged,
        request: &Request<Bytes>,
        body: Outgoing,
        vault: &Vault,
    ) -> Result<Response<Received>, Broken> {
        let mut request = request.clone().map(|_| body);
        if !self.method.is_safe() {
            request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let response = aged.connection.send(request).await?;
        let lease = self.method.is_safe().then(|| Lease {
            pool: Arc::clone(&self.service.pool),
            holder: self.holder.clone(),
            aged,
            clock: Arc::clone(&vault.clock),
        });
        Ok(Received::of(response, lease))
    }
}
