//! Client authentication: an assertion that one of a client's registered keys signed, good once.

use agentcred_protocol::assertion::{self, Authenticated};
use agentcred_protocol::key::VerifyingKey;
use agentcred_protocol::refusal::RefusalCode;

use crate::ledger::{Freshness, OneTimeId};
use crate::refused::Refused;
use crate::replay::Purpose;
use crate::vault::Vault;

/// Checks that one of a client's keys signed an assertion, and that it was not seen before.
///
/// Every key is tried, since a client names its keys as it likes. They are few, and while one is
/// replaced by another both are good.
pub(crate) async fn authenticate(
    vault: &Vault,
    client: &str,
    keys: &[VerifyingKey],
    text: &str,
) -> Result<(), Refused> {
    let refuse = |reason| Refused::new(RefusalCode::InvalidClient, reason);
    let (issuer, now) = (&vault.endpoints.issuer, vault.now());
    let Authenticated { key, id, expires } = keys
        .iter()
        .find_map(|key| assertion::verify(text, client, key, issuer, now).ok())
        .ok_or_else(|| refuse("assertion_invalid"))?;
    let id = OneTimeId::of(Purpose::Assertion, &key, &id);
    match vault.ledger.spend_id(id, expires, now).await? {
        Freshness::New => Ok(()),
        Freshness::Seen => Err(refuse("assertion_replayed")),
    }
}
