//! Replay: ids of proofs and assertions are good once. Their hashes are kept until they expire.
//!
//! What an id is hashed to is for every ledger to keep; [`Replay`] is where one in memory does.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::key::Thumbprint;
use aws_lc_rs::digest;

use crate::ledger::{Freshness, LedgerError};

/// The id of a proof or an assertion, as it is remembered: a hash, since an id may be as long as
/// a caller likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OneTimeId([u8; 32]);

/// What an id was used for. The same id may be used once for each.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Proof,
    Assertion,
}

impl OneTimeId {
    /// The id of what `signer` made. Each part is preceded by its length, so that no two triples
    /// run together to the same bytes.
    pub(crate) fn of(purpose: Purpose, signer: &Thumbprint, id: &str) -> Self {
        Self::hash(purpose, [signer.as_str(), id])
    }

    /// An id that was hashed elsewhere, for those who try out a ledger of their own.
    pub const fn of_hash(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash as bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn hash(purpose: Purpose, parts: [&str; 2]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(match purpose {
            Purpose::Proof => b"p",
            Purpose::Assertion => b"a",
        });
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }
}

/// The ids that were seen.
#[derive(Debug)]
pub(crate) struct Replay {
    seen: Mutex<Seen>,
    most: usize,
}

#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<OneTimeId>,
    ends: BTreeMap<UnixTime, Vec<OneTimeId>>,
}

impl Replay {
    pub(crate) fn holding(most: usize) -> Self {
        Self { seen: Mutex::default(), most }
    }

    /// Remembers an id until `expires`, and says whether it is new.
    pub(crate) fn spend(
        &self,
        id: OneTimeId,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<Freshness, LedgerError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { ids, ends } = &mut *seen;
        while let Some(first) = ends.first_entry()
            && *first.key() <= now
        {
            for id in first.remove() {
                ids.remove(&id);
            }
        }
        if ids.contains(&id) {
            return Ok(Freshness::Seen);
        }
        if ids.len() >= self.most {
            return Err(LedgerError::Full);
        }
        ids.insert(id);
        ends.entry(expires).or_default().push(id);
        Ok(Freshness::New)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: UnixTime = UnixTime::from_millis(1_000_000);

    #[test]
    fn an_id_is_new_once_for_each_owner_and_purpose() {
        let replay = Replay::holding(100);
        let end = NOW + Duration::from_mins(2);
        let spend = |purpose, signer, id| {
            replay.spend(OneTimeId::hash(purpose, [signer, id]), end, NOW).unwrap()
        };
        assert_eq!(spend(Purpose::Proof, "key", "id"), Freshness::New);
        assert_eq!(spend(Purpose::Proof, "key", "id"), Freshness::Seen);
        assert_eq!(spend(Purpose::Assertion, "key", "id"), Freshness::New);
        assert_eq!(spend(Purpose::Proof, "other", "id"), Freshness::New);
        assert_eq!(spend(Purpose::Proof, "keyi", "d"), Freshness::New);
    }

    #[test]
    fn ids_are_forgotten_when_they_expire_and_never_before() {
        let replay = Replay::holding(1);
        let end = NOW + Duration::from_mins(2);
        let spend = |id, now| replay.spend(OneTimeId::hash(Purpose::Proof, ["key", id]), end, now);
        assert_eq!(spend("a", NOW), Ok(Freshness::New));
        let just_before = UnixTime::from_millis(end.millis() - 1);
        assert_eq!(spend("a", just_before), Ok(Freshness::Seen));
        assert_eq!(spend("b", just_before), Err(LedgerError::Full));
        assert_eq!(spend("b", end), Ok(Freshness::New));
    }
}
