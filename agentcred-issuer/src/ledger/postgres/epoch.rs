//! The epoch: which one this issuer is in, and whether the database still goes forward in it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;

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

/// What became of an attempt to enter an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// The issuer is in the database's epoch.
    Epoch,
    /// It belongs to issuers with another key.
    AnotherKeys,
    /// The database was wound back, maybe into an epoch that had ended, which must end again.
    ThePast,
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

    /// Enters the epoch that the database says it is in, with the number that it gives the next
    /// transaction. `before` is what was seen before it was asked.
    #[must_use]
    pub(super) fn enter(&self, before: Sight, name: Option<String>, next: i64) -> Entered {
        let Some(name) = name else { return Entered::AnotherKeys };
        let mut known = self.known();
        // A database that begins anew elsewhere may count from a lower number. It is told to
        // begin once more, which costs little; nobody can tell it from one that was wound back.
        if known.sight.entered == before.entered && next <= before.transaction {
            return Entered::ThePast;
        }
        if known.name == name {
            return Entered::Epoch;
        }
        if !known.name.is_empty() {
            tracing::warn!(epoch = name, "the ledger is in a new epoch; all older nonces are dead");
        }
        known.name = name;
        known.sight = Sight { entered: known.sight.entered + 1, transaction: 0 };
        Entered::Epoch
    }

    /// Whether no other epoch was entered since.
    pub(super) fn is_still(&self, before: Sight) -> bool {
        self.known().sight.entered == before.entered
    }

    /// Forgets what was seen of an epoch that has ended.
    pub(super) fn leave(&self, before: Sight) {
        let mut known = self.known();
        if known.sight.entered == before.entered {
            known.sight = Sight { entered: known.sight.entered + 1, transaction: 0 };
        }
    }

    pub(super) fn sight(&self) -> Sight {
        self.known().sight
    }

    /// Whether a transaction that began after `before` has a number above it, as all have unless
    /// the database was wound back.
    #[must_use]
    pub(super) fn goes_on(&self, before: Sight, transaction: i64) -> bool {
        let mut known = self.known();
        // What comes late out of an epoch that is over says nothing about the new one.
        if known.sight.entered == before.entered {
            known.sight.transaction = known.sight.transaction.max(transaction);
        }
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
    fn a_database_that_counts_from_a_lower_number_is_in_the_past() {
        let epoch = Epoch::of_key(&hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]));
        let enter = |name: &str, next| epoch.enter(epoch.sight(), Some(name.to_owned()), next);
        assert_eq!(enter("new", 5), Entered::Epoch);
        assert!(epoch.goes_on(epoch.sight(), 12));
        assert_eq!(enter("new", 13), Entered::Epoch);
        assert_eq!(enter("new", 12), Entered::ThePast);
        assert_eq!(enter("old", 12), Entered::ThePast);
        let before = epoch.sight();
        epoch.leave(before);
        assert!(!epoch.is_still(before));
        assert_eq!(enter("newer", 13), Entered::Epoch);
        assert_eq!(epoch.name(), "newer");
        assert_eq!(epoch.enter(epoch.sight(), None, 14), Entered::AnotherKeys);
    }

    #[test]
    fn what_comes_late_out_of_an_old_epoch_says_nothing_about_the_new() {
        let epoch = Epoch::of_key(&hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]));
        let old = epoch.sight();
        epoch.known().sight.entered += 1;
        assert!(epoch.goes_on(old, 900));
        assert!(!epoch.goes_on(Sight { transaction: 1000, ..old }, 900));
        assert!(epoch.goes_on(epoch.sight(), 5));
    }
}
