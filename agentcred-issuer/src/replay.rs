//! Replay: ids of proofs and assertions are good once. Their hashes are kept until they expire.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use agentcred_protocol::clock::UnixTime;
use aws_lc_rs::digest;

/// The ids that were seen.
#[derive(Debug)]
pub(crate) struct Replay {
    seen: Mutex<Seen>,
    most: usize,
}

#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<Id>,
    ends: BTreeMap<UnixTime, Vec<Id>>,
}

/// An id may be as long as a caller likes, its hash is not.
type Id = [u8; 32];

/// What an id was used for. The same id may be used once for each.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Proof,
    Assertion,
}

/// An id that is not new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotNew {
    /// It was seen before.
    Seen,
    /// As many ids are remembered as can be, so nobody knows.
    Full,
}

impl Replay {
    pub(crate) fn holding(most: usize) -> Self {
        Self { seen: Mutex::default(), most }
    }

    /// Remembers an id of `owner`, or says that it is not new.
    pub(crate) fn remember(
        &self,
        purpose: Purpose,
        owner: &str,
        id: &str,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<(), NotNew> {
        let id = hash(purpose, owner, id);
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
            return Err(NotNew::Seen);
        }
        if ids.len() >= self.most {
            return Err(NotNew::Full);
        }
        ids.insert(id);
        ends.entry(expires).or_default().push(id);
        Ok(())
    }
}

/// Each part is preceded by its length, so that no two triples run together to the same bytes.
fn hash(purpose: Purpose, owner: &str, id: &str) -> Id {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(match purpose {
        Purpose::Proof => b"p",
        Purpose::Assertion => b"a",
    });
    for part in [owner, id] {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
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
        let remember = |purpose, owner, id| replay.remember(purpose, owner, id, end, NOW);
        assert_eq!(remember(Purpose::Proof, "key", "id"), Ok(()));
        assert_eq!(remember(Purpose::Proof, "key", "id"), Err(NotNew::Seen));
        assert_eq!(remember(Purpose::Assertion, "key", "id"), Ok(()));
        assert_eq!(remember(Purpose::Proof, "other", "id"), Ok(()));
        assert_eq!(remember(Purpose::Proof, "keyi", "d"), Ok(()));
    }

    #[test]
    fn ids_are_forgotten_when_they_expire_and_never_before() {
        let replay = Replay::holding(1);
        let end = NOW + Duration::from_mins(2);
        let remember = |id, now| replay.remember(Purpose::Proof, "key", id, end, now);
        assert_eq!(remember("a", NOW), Ok(()));
        let just_before = UnixTime::from_millis(end.millis() - 1);
        assert_eq!(remember("a", just_before), Err(NotNew::Seen));
        assert_eq!(remember("b", just_before), Err(NotNew::Full));
        assert_eq!(remember("b", end), Ok(()));
    }
}
