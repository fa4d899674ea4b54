//! The versions of one secret: the current one, and for a while those before it.

use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;

use super::Secret;

/// A secret through its changes. A former version is used for no new request, but answers may
/// still echo it; when its overlap is over it is dropped, and overwritten once nothing that is
/// under way holds it.
#[derive(Debug)]
pub(crate) struct Versions {
    number: u64,
    current: Arc<Secret>,
    former: Vec<Former>,
}

#[derive(Debug)]
struct Former {
    secret: Arc<Secret>,
    until: UnixTime,
}

impl Versions {
    pub(crate) fn first(secret: Secret) -> Self {
        Self { number: 1, current: Arc::new(secret), former: Vec::new() }
    }

    pub(crate) fn current(&self) -> &Arc<Secret> {
        &self.current
    }

    /// How many versions there were so far.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Takes what was found now. Says whether it is another secret than before.
    pub(crate) fn take(&mut self, found: Secret, now: UnixTime, overlap: Duration) -> bool {
        if self.current.is(&found) {
            return false;
        }
        let secret = std::mem::replace(&mut self.current, Arc::new(found));
        self.former.insert(0, Former { secret, until: now + overlap });
        self.former.truncate(MOST_FORMER);
        self.number += 1;
        true
    }

    /// The former versions whose overlap is not over. All others are dropped.
    pub(crate) fn former(&mut self, now: UnixTime) -> Vec<Arc<Secret>> {
        self.former.retain(|it| now < it.until);
        self.former.iter().map(|it| Arc::clone(&it.secret)).collect()
    }
}

/// A secret that changes faster than its overlap ends must not fill memory.
const MOST_FORMER: usize = 8;

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn a_former_version_is_kept_for_its_overlap_and_no_longer() {
        let second = Duration::from_secs(1);
        let now = UnixTime::from_millis(1000);
        let mut versions = Versions::first(secret("sk_live_1"));
        assert!(!versions.take(secret("sk_live_1"), now, second));
        assert_eq!(versions.number(), 1);
        let first = Arc::downgrade(versions.current());
        assert!(versions.take(secret("sk_live_2"), now, second));
        assert_eq!((versions.number(), versions.former(now).len()), (2, 1));
        assert!(first.upgrade().is_some());
        assert!(versions.former(now + second).is_empty());
        assert!(first.upgrade().is_none(), "a former version outlives its overlap");
    }

    #[test]
    fn former_versions_are_bounded() {
        let now = UnixTime::from_millis(0);
        let mut versions = Versions::first(secret("sk_live_first"));
        for number in 0..100 {
            versions.take(secret(&format!("sk_live_{number}")), now, Duration::from_secs(1));
        }
        assert_eq!((versions.number(), versions.former(now).len()), (101, MOST_FORMER));
    }
}
