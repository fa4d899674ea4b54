//! The audit of a use: durable before anything leaves, and completed when it is known how it
//! ended.

use tokio::time::{Instant, timeout_at};

use super::cleared::Cleared;
use crate::audit::{Again, Event, Outcome};
use crate::inject::Keys;
use crate::outgoing::{Passing, Progress};
use crate::refused::Refused;
use crate::vault::Vault;

/// A cleared request that stands in the audit. Only such a one gets a real key.
#[must_use = "the audit says that this request leaves"]
pub(super) struct Recorded {
    cleared: Cleared,
    again: Option<Again>,
}

impl Recorded {
    pub(super) async fn of(vault: &Vault, cleared: Cleared) -> Result<Self, Refused> {
        Self::record(vault, cleared, None).await
    }

    /// The same request once more, with a line of its own. Whoever calls this knows that it
    /// changes nothing upstream.
    pub(super) async fn again(self, vault: &Vault, why: Again) -> Result<Self, Refused> {
        Self::record(vault, self.cleared, Some(why)).await
    }

    async fn record(
        vault: &Vault,
        cleared: Cleared,
        again: Option<Again>,
    ) -> Result<Self, Refused> {
        let call = cleared.redemption().call();
        // A caller who puts the nonce itself into a path must not get it into the audit.
        let scrubber = cleared.redemption().nonce().scrubber();
        let path = scrubber.text(cleared.target().path());
        let method = cleared.method().as_str();
        let trace_id = cleared.redemption().trace();
        let event = Event::Use { call, method, path: &path, again, trace_id };
        let recorded = vault.record(event).await;
        recorded.map_err(|error| Refused::from(error).about(call))?;
        Ok(Self { cleared, again })
    }

    pub(super) fn cleared(&self) -> &Cleared {
        &self.cleared
    }

    /// The body that is passed on while it arrives, if it is.
    pub(super) fn take_passing(&mut self) -> Option<(Passing, Progress)> {
        self.cleared.take_passing()
    }

    /// The real keys of the service, as long as there is time for the request.
    pub(super) async fn keys(&self, vault: &Vault, deadline: Instant) -> Result<Keys, Refused> {
        let service = self.cleared.service();
        match timeout_at(deadline, vault.keyring.keys(service)).await {
            Ok(Ok(keys)) => return Ok(keys),
            Ok(Err(error)) => tracing::error!(service = %service.name, %error, "no key"),
            Err(_) => tracing::error!(service = %service.name, "no key in time"),
        }
        Err(self.give_back(vault, Outcome::NoSecret, "no_secret").await)
    }

    /// The keys after those that the upstream refused. None when it is to be believed: there are
    /// no others, or nobody can say in time.
    pub(super) async fn newer_keys(
        &self,
        vault: &Vault,
        refused: &Keys,
        deadline: Instant,
    ) -> Option<Keys> {
        let service = self.cleared.service();
        match timeout_at(deadline, vault.keyring.newer(service, refused)).await {
            Ok(Ok(keys)) => return keys,
            Ok(Err(error)) => tracing::warn!(service = %service.name, %error, "no newer key"),
            Err(_) => tracing::warn!(service = %service.name, "no newer key in time"),
        }
        None
    }

    /// Nothing was sent: the use is given back and the caller may try again. A request that was
    /// sent once before stays spent.
    pub(super) async fn give_back(
        &self,
        vault: &Vault,
        outcome: Outcome,
        reason: &'static str,
    ) -> Refused {
        let redemption = self.cleared.redemption();
        let refused = Refused::unavailable(reason).about(redemption.call());
        let is_recorded = self.finish(vault, outcome).await.is_ok();
        if self.again.is_some() {
            return refused;
        }
        let is_given_back = vault.ledger.give_back(redemption.nonce()).await.is_ok();
        if is_recorded && is_given_back { refused.retryable() } else { refused }
    }

    /// Records how it ended.
    pub(super) async fn finish(&self, vault: &Vault, outcome: Outcome) -> Result<(), Refused> {
        let call = self.cleared.redemption().call();
        let recorded = vault.record(Event::Answer { call, outcome }).await;
        recorded.map_err(|error| Refused::from(error).about(call))
    }
}
