//! The cache before a secret store: a secret is kept for a while, and asked for anew at once
//! when an upstream refuses it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::clock::{Clock, UnixTime};

use super::{Secret, SecretError, SecretRef, SecretStore, Versions};

/// Asks a store for each secret once per [`Times::cache`], however many requests need it.
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
}

impl Default for Times {
    fn default() -> Self {
        Self { cache: Duration::from_mins(1), overlap: Duration::from_mins(5) }
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
        let _asking = place.asking.lock().await;
        // Somebody else may have asked meanwhile.
        match self.fresh(&place) {
            Some(fetched) => Ok(fetched),
            None => self.ask(&place, reference).await,
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

    async fn ask(&self, place: &Place, reference: &SecretRef) -> Result<Fetched, SecretError> {
        // The time before asking: an answer is as old as the question.
        let now = self.clock.now();
        let found = self.store.fetch(reference).await?;
        let mut seen = seen(place);
        if let Some(seen) = seen.as_mut() {
            if seen.versions.take(found, now, self.times.overlap) {
                seen.confirmed = None;
                tracing::info!(%reference, version = seen.versions.number(), "a secret changed");
            }
            seen.asked = now;
            return Ok(seen.fetched(now));
        }
        let versions = Versions::first(found);
        Ok(seen.insert(Seen { versions, asked: now, confirmed: None }).fetched(now))
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
