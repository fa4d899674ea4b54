//! The audit of a use: durable before anything leaves, and completed when it is known how it
//! ended.

use std::sync::Arc;

use super::cleared::Cleared;
use crate::audit::{Event, Outcome};
use crate::refused::Refused;
use crate::secrets::Secret;
use crate::vault::Vault;

/// A cleared request that stands in the audit. Only such a one gets a real key.
#[derive(Debug)]
#[must_use = "the audit says that this request leaves"]
pub(super) struct Recorded(Cleared);

impl Recorded {
    pub(super) async fn of(vault: &Vault, cleared: Cleared) -> Result<Self, Refused> {
        let call = cleared.redemption().call();
        // A caller who puts the nonce itself into a path must not get it into the audit.
        let scrubber = cleared.redemption().nonce().scrubber();
        let path = scrubber.text(cleared.target().path());
        let method = cleared.method().as_str();
        let recorded = vault.record(Event::Use { call, method, path: &path }).await;
        recorded.map_err(|error| Refused::from(error).about(call))?;
        Ok(Self(cleared))
    }

    pub(super) fn cleared(&self) -> &Cleared {
        &self.0
    }

    /// The real key of the service.
    pub(super) async fn secret(&self, vault: &Vault) -> Result<Arc<Secret>, Refused> {
        match vault.secrets.fetch(&self.0.service().secret).await {
            Ok(secret) => Ok(secret),
            Err(error) => {
                tracing::error!(service = %self.0.service().name, %error, "no secret");
                Err(self.give_back(vault, Outcome::NoSecret, "no_secret").await)
            }
        }
    }

    /// Nothing was sent: the use is given back and the caller may try again.
    pub(super) async fn give_back(
        &self,
        vault: &Vault,
        outcome: Outcome,
        reason: &'static str,
    ) -> Refused {
        let redemption = self.0.redemption();
        let refused = Refused::unavailable(reason).about(redemption.call());
        let is_recorded = self.finish(vault, outcome).await.is_ok();
        let is_given_back = vault.ledger.give_back(redemption.nonce()).await.is_ok();
        if is_recorded && is_given_back { refused.retryable() } else { refused }
    }

    /// Records how it ended.
    pub(super) async fn finish(&self, vault: &Vault, outcome: Outcome) -> Result<(), Refused> {
        let call = self.0.redemption().call();
        let recorded = vault.record(Event::Answer { call, outcome }).await;
        recorded.map_err(|error| Refused::from(error).about(call))
    }
}
