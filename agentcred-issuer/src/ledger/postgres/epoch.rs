//! The epoch: which one this issuer is in, and whether the database still goes forward in it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use tokio_postgres::Client;

use super::statements;

/// What this issuer knows of the epoch.
///
/// The database ends an epoch by itself when it was restored or restarted. What it cannot know
/// is that a running server was wound back together with its memory, as a snapshot of a virtual
/// machine does; so each issuer remembers the last transaction that it saw.
#[derive(Debug)]
pub(super) struct Epoch {
    key_check: Vec<u8>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    name: String,
    sight: Sight,
}

/// The last transaction that was seen, in the epoch with this number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sight {
    entered: u64,
    transaction: i64,
}

impl Epoch {
    /// An epoch that only issuers with this key can enter.
    pub(super) fn of_key(key: &hmac::Key) -> Self {
        let key_check = hmac::sign(key, KEY_CHECK).as_ref().to_vec();
        Self { key_check, known: Mutex::default() }
    }

    pub(super) fn name(&self) -> String {
        self.known().name.clone()
    }

    /// What shows the database that an issuer has the key, and tells nothing about it.
    pub(super) fn key_check(&self) -> &[u8] {
        &self.key_check
    }

    /// Enters the epoch that the database is in, unless it belongs to issuers with another key.
    pub(super) async fn enter(&self, client: &Client) -> Result<bool, tokio_postgres::Error> {
        let row = client.query_one(statements::ENTER_EPOCH, &[&self.key_check]).await?;
        let Some(name) = row.try_get::<_, Option<String>>(0)? else { return Ok(false) };
        let mut known = self.known();
        if known.name == name {
            return Ok(true);
        }
        if !known.name.is_empty() {
            tracing::warn!(epoch = name, "the ledger is in a new epoch; all older nonces are dead");
        }
        known.name = name;
        known.sight = Sight { entered: known.sight.entered + 1, transaction: 0 };
        Ok(true)
    }

    pub(super) fn sight(&self) -> Sight {
        self.known().sight
    }

    /// Whether a transaction that began after `before` has a number above it, as all have unless
    /// the database was wound back.
    #[must_use]
    pub(super) fn goes_on(&self, before: Sight, transaction: i64) -> bool {
        let mut known = self.known();
        if known.sight.entered != before.entered {
            // It belongs to an epoch that is over, and what it wrote is dead already.
            return true;
        }
        known.sight.transaction = known.sight.transaction.max(transaction);
        transaction > before.transaction
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No token begins like this.
const KEY_CHECK: &[u8] = b"agentcred ledger key";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_go_forward_within_an_epoch() {
        let epoch = Epoch::of_key(&hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]));
        let before = epoch.sight();
        assert!(epoch.goes_on(before, 12));
        // It was sent before the answer above came.
        assert!(epoch.goes_on(before, 11));
        let after = epoch.sight();
        assert!(!epoch.goes_on(after, 12));
        assert!(epoch.goes_on(after, 13));
    }

    #[test]
    fn what_comes_late_out_of_an_old_epoch_says_nothing_about_the_new() {
        let epoch = Epoch::of_key(&hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]));
        let old = epoch.sight();
        epoch.known().sight.entered += 1;
        assert!(epoch.goes_on(old, 900));
        assert!(epoch.goes_on(epoch.sight(), 5));
    }
}
