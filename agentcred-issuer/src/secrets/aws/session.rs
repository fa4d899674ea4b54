//! The key that the issuer shows AWS: got once for all who wait, and again before it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::clock::{Clock, UnixTime};
use tokio::sync::MutexGuard as Turn;

use super::AwsLogin;
use super::answers::Lent;
use super::api::Api;
use super::login::Given;
use crate::secrets::Secret;
use crate::secrets::failure::Failure;

pub(super) struct Session {
    api: Arc<Api>,
    login: AwsLogin,
    clock: Arc<dyn Clock>,
    /// Held by whoever asks for a key.
    asking: tokio::sync::Mutex<()>,
    kept: Mutex<Option<Kept>>,
}

/// A key that is lent.
struct Kept {
    key: Arc<Secret>,
    ends: UnixTime,
    since: UnixTime,
}

impl Kept {
    fn is_good_for(&self, time: Duration, now: UnixTime) -> bool {
        now + time < self.ends
    }
}

impl Session {
    pub(super) fn new(api: Arc<Api>, login: AwsLogin, clock: Arc<dyn Clock>) -> Self {
        Self { api, login, clock, asking: tokio::sync::Mutex::default(), kept: Mutex::default() }
    }

    /// A key. When a lent one is about to end, one caller gets another while all others go on
    /// with it. The issuer's own is read each time.
    pub(super) async fn key(&self) -> Result<Arc<Secret>, Failure> {
        if let Some(key) = self.kept_for(SPARE) {
            return Ok(key);
        }
        let turn = match (self.asking.try_lock(), self.kept_for(Duration::ZERO)) {
            (Ok(turn), _) => turn,
            (Err(_), Some(key)) => return Ok(key),
            (Err(_), None) => self.asking.lock().await,
        };
        if let Some(key) = self.kept_for(SPARE) {
            return Ok(key);
        }
        match self.log_in(&turn).await {
            Ok(key) => Ok(key),
            Err(failure) => {
                let alive = self.kept_for(Duration::ZERO).ok_or(failure)?;
                tracing::warn!(method = %self.login, "no new key of AWS could be had yet");
                Ok(alive)
            }
        }
    }

    /// Another key than one that was refused. None when that one is new or the issuer's own:
    /// there is no other.
    pub(super) async fn key_after(
        &self,
        refused: &Arc<Secret>,
    ) -> Result<Option<Arc<Secret>>, Failure> {
        let turn = self.asking.lock().await;
        let now = self.clock.now();
        match self.kept().as_ref() {
            None => return Ok(None),
            Some(kept) if !Arc::ptr_eq(&kept.key, refused) => {
                return Ok(Some(Arc::clone(&kept.key)));
            }
            Some(kept) if now.since(kept.since) < PAUSE_AFTER_LOGIN => return Ok(None),
            Some(_) => {}
        }
        self.log_in(&turn).await.map(Some)
    }

    async fn log_in(&self, _: &Turn<'_, ()>) -> Result<Arc<Secret>, Failure> {
        let since = self.clock.now();
        match self.login.log_in(&self.api).await? {
            Given::Own(key) => Ok(Arc::new(key)),
            Given::Lent(Lent { key, ends }) => {
                let seconds = ends.since(since).as_secs();
                tracing::info!(method = %self.login, seconds, "got a key of AWS");
                let key = Arc::new(key);
                *self.kept() = Some(Kept { key: Arc::clone(&key), ends, since });
                Ok(key)
            }
        }
    }

    /// The kept key, if it is good for this long.
    fn kept_for(&self, time: Duration) -> Option<Arc<Secret>> {
        let now = self.clock.now();
        let kept = self.kept();
        kept.as_ref().filter(|kept| kept.is_good_for(time, now)).map(|kept| Arc::clone(&kept.key))
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long before its end another key is asked for. The metadata service has one by then.
const SPARE: Duration = Duration::from_mins(5);
/// How old a key must be before a refusal is a reason for another one.
const PAUSE_AFTER_LOGIN: Duration = Duration::from_secs(5);
