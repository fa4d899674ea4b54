//! The cache before a secret store: a secret is kept for a while, and asked for anew at once
//! when an upstream refuses it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::clock::{Clock, UnixTime};

use super::{Secret, SecretError, SecretRef, SecretStore, Versions};

/// Asks a store for each secret once per [`Times::cache`], however many requests need it.
///
/// A store that cannot be asked does not take down what is known: a secret is used for
/// [`Times::stale`] longer then, and no request after the first waits for the store. What the
/// store does answer, that a secret is gone or not allowed, holds at once.
pub(crate) struct Cache {
    store: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    times: Times,
    places: Mutex<HashMap<SecretRef, Arc<Place>>>,
}

/// How long secrets are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// How long one is used without asking for it again.
    pub(crate) cache: Duration,
    /// How long answers are searched for one that was replaced.
    pub(crate) overlap: Duration,
    /// How long after `cache` one is still used while its store cannot be asked.
    pub(crate) stale: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            cache: Duration::from_mins(1),
            overlap: Duration::from_mins(5),
            stale: Duration::from_mins(5),
        }
    }
}

/// A secret, and those that it replaced a short while ago.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) current: Arc<Secret>,
    pub(crate) former: Vec<Arc<Secret>>,
}

/// What is known of the secret at one place.
#[derive(Default)]
struct Place {
    /// Held by whoever asks the store.
    asking: tokio::sync::Mutex<()>,
    seen: Mutex<Option<Seen>>,
}

struct Seen {
    versions: Versions,
    asked: UnixTime,
    /// When an upstream had refused it and the store had no other.
    confirmed: Option<UnixTime>,
    /// Whether the store could not be asked when it was asked last.
    is_cut_off: bool,
}

impl Cache {
    pub(crate) fn new(store: Arc<dyn SecretStore>, clock: Arc<dyn Clock>, times: Times) -> Self {
        Self { store, clock, times, places: Mutex::default() }
    }

    /// The secret that a reference names.
    pub(crate) async fn current(&self, reference: &SecretRef) -> Result<Fetched, SecretError> {
        let place = self.place(reference);
        if let Some(fetched) = self.fresh(&place) {
            return Ok(fetched);
        }
        let _asking = match place.asking.try_lock() {
            Ok(asking) => asking,
            Err(_) => match self.stale(&place) {
                // One who waits for a store that is down is enough.
                Some(fetched) => return Ok(fetched),
                None => place.asking.lock().await,
            },
        };
        // Somebody else may have asked meanwhile.
        if let Some(fetched) = self.fresh(&place) {
            return Ok(fetched);
        }
        match self.ask(&place, reference).await {
            Err(SecretError::Unavailable { reference, cause }) => {
                if let Some(seen) = seen(&place).as_mut()
                    && !std::mem::replace(&mut seen.is_cut_off, true)
                {
                    tracing::warn!(%reference, %cause, "a secret is used past its time");
                }
                let unavailable = || SecretError::Unavailable { reference, cause };
                self.stale(&place).ok_or_else(unavailable)
            }
            asked => asked,
        }
    }

    /// The secret after `refused`, which an upstream did not take: what was found since, or what
    /// the store has now. It may be the same one.
    pub(crate) async fn newer_than(
        &self,
        refused: &Arc<Secret>,
        reference: &SecretRef,
    ) -> Result<Fetched, SecretError> {
        let place = self.place(reference);
        let _asking = place.asking.lock().await;
        let now = self.clock.now();
        if let Some(seen) = seen(&place).as_mut() {
            let is_other = !Arc::ptr_eq(seen.versions.current(), refused);
            let was_confirmed = seen.confirmed.is_some_and(|at| now.since(at) < PAUSE);
            if is_other || was_confirmed {
                return Ok(seen.fetched(now));
            }
        }
        let fetched = self.ask(&place, reference).await?;
        if Arc::ptr_eq(&fetched.current, refused)
            && let Some(seen) = seen(&place).as_mut()
        {
            seen.confirmed = Some(now);
        }
        Ok(fetched)
    }

    pub(crate) fn times(&self) -> Times {
        self.times
    }

    fn place(&self, reference: &SecretRef) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(reference) {
            return Arc::clone(place);
        }
        Arc::clone(places.entry(reference.clone()).or_default())
    }

    fn fresh(&self, place: &Place) -> Option<Fetched> {
        let now = self.clock.now();
        let mut seen = seen(place);
        let seen = seen.as_mut().filter(|seen| now.since(seen.asked) < self.times.cache)?;
        Some(seen.fetched(now))
    }

    /// What is used although it is old, since its store cannot be asked.
    fn stale(&self, place: &Place) -> Option<Fetched> {
        let now = self.clock.now();
        let mut seen = seen(place);
        let is_usable = |seen: &&mut Seen| {
            seen.is_cut_off && now.since(seen.asked) < self.times.cache + self.times.stale
        };
        Some(seen.as_mut().filter(is_usable)?.fetched(now))
    }

    async fn ask(&self, place: &Place, reference: &SecretRef) -> Result<Fetched, SecretError> {
        // The time before asking: an answer is as old as the question.
        let now = self.clock.now();
        let found = self.store.fetch(reference).await?;
        let mut seen = seen(place);
        if let Some(seen) = seen.as_mut() {
            if seen.versions.take(found, now, self.times.overlap) {
                seen.confirmed = None;
                tracing::info!(
                    %reference,
                    version = seen.versions.number(),
                    store_version = seen.versions.current().version(),
                    "a secret changed"
                );
            }
            (seen.asked, seen.is_cut_off) = (now, false);
            return Ok(seen.fetched(now));
        }
        let versions = Versions::first(found);
        let first = Seen { versions, asked: now, confirmed: None, is_cut_off: false };
        Ok(seen.insert(first).fetched(now))
    }
}

impl Seen {
    fn fetched(&mut self, now: UnixTime) -> Fetched {
        Fetched { current: Arc::clone(self.versions.current()), former: self.versions.former(now) }
    }
}

fn seen(place: &Place) -> MutexGuard<'_, Option<Seen>> {
    place.seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("store", &self.store).finish_non_exhaustive()
    }
}

/// An upstream that refuses a key that did not change must not make the store busy.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use agentcred_protocol::clock::ManualClock;
    use async_trait::async_trait;
    use zeroize::Zeroizing;

    use super::*;
    use crate::secrets::Unavailable;

    /// A store that has what a test says, and counts the questions.
    #[derive(Debug)]
    struct Steered {
        answer: Mutex<Result<&'static str, Trouble>>,
        asked: Mutex<u32>,
    }

    #[derive(Clone, Copy, Debug)]
    enum Trouble {
        Down,
        Denied,
    }

    #[async_trait]
    impl SecretStore for Steered {
        async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
            *self.asked.lock().unwrap() += 1;
            let reference = reference.clone();
            match *self.answer.lock().unwrap() {
                Ok(text) => Ok(Secret::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()),
                Err(Trouble::Down) => {
                    Err(SecretError::Unavailable { reference, cause: Unavailable::Sealed })
                }
                Err(Trouble::Denied) => Err(SecretError::Denied { reference }),
            }
        }
    }

    struct Stage {
        store: Arc<Steered>,
        clock: Arc<ManualClock>,
        cache: Cache,
    }

    impl Stage {
        /// Kept for a minute, and for five more while the store is down.
        fn set() -> Self {
            let asked = Mutex::new(0);
            let store = Arc::new(Steered { answer: Mutex::new(Ok("sk_live_1")), asked });
            let clock = Arc::new(ManualClock::at(UnixTime::from_millis(1_800_000_000_000)));
            let cache =
                Cache::new(Arc::clone(&store) as _, Arc::clone(&clock) as _, Times::default());
            Self { store, clock, cache }
        }

        fn say(&self, answer: Result<&'static str, Trouble>) {
            *self.store.answer.lock().unwrap() = answer;
        }

        async fn current(&self) -> Result<String, SecretError> {
            let found = self.cache.current(&SecretRef::Env("KEY".to_owned())).await?;
            Ok(found.current.header_value("", "").unwrap().to_str().unwrap().to_owned())
        }
    }

    #[tokio::test]
    async fn while_a_store_is_down_a_secret_is_used_until_it_is_stale_and_not_a_moment_longer() {
        let stage = Stage::set();
        assert_eq!(stage.current().await.unwrap(), "sk_live_1");
        stage.say(Err(Trouble::Down));
        stage.clock.advance(Duration::from_mins(6).saturating_sub(Duration::from_millis(1)));
        assert_eq!(stage.current().await.unwrap(), "sk_live_1");
        stage.clock.advance(Duration::from_millis(1));
        let refused = stage.current().await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "env:KEY cannot be read now: the store is sealed or under maintenance"
        );
        stage.say(Ok("sk_live_2"));
        assert_eq!(stage.current().await.unwrap(), "sk_live_2");
        assert_eq!(*stage.store.asked.lock().unwrap(), 4);
    }

    #[tokio::test]
    async fn what_a_store_refuses_is_not_used_for_longer() {
        let stage = Stage::set();
        stage.current().await.unwrap();
        stage.clock.advance(Duration::from_mins(1));
        stage.say(Err(Trouble::Denied));
        assert!(matches!(stage.current().await, Err(SecretError::Denied { .. })));
    }
}
