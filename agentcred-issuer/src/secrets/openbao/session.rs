//! The issuer's own token: obtained once for all who wait, renewed before it ends, and obtained
//! again when it died.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::clock::{Clock, UnixTime};
use tokio::sync::MutexGuard as Turn;

use super::api::Api;
use super::{Failure, Login, answers};
use crate::secrets::Secret;

pub(super) struct Session {
    api: Arc<Api>,
    login: Login,
    clock: Arc<dyn Clock>,
    /// Held by whoever asks for a token.
    asking: tokio::sync::Mutex<()>,
    kept: Mutex<Option<Kept>>,
}

/// A token, and how long it is good for.
struct Kept {
    token: Arc<Secret>,
    /// When the login was, or the last renewal.
    since: UnixTime,
    /// From then on; none when it never ends.
    life: Option<Duration>,
    /// How long it was good for after the login. A renewal cannot go beyond a token's last day.
    whole_life: Option<Duration>,
    is_renewable: bool,
    logged_in: UnixTime,
}

impl Kept {
    /// A third of its life before it ends.
    fn is_due(&self, now: UnixTime) -> bool {
        self.life.is_some_and(|life| now.since(self.since) >= life * 2 / 3)
    }

    fn is_alive(&self, now: UnixTime) -> bool {
        self.life.is_none_or(|life| now.since(self.since) < life)
    }
}

impl Session {
    pub(super) fn new(api: Arc<Api>, login: Login, clock: Arc<dyn Clock>) -> Self {
        Self { api, login, clock, asking: tokio::sync::Mutex::default(), kept: Mutex::default() }
    }

    /// A token. When it is due, one caller renews it while all others go on with it.
    pub(super) async fn token(self: &Arc<Self>) -> Result<Arc<Secret>, Failure> {
        if let Some(token) = self.kept_while(|kept, now| !kept.is_due(now)) {
            return Ok(token);
        }
        let turn = if let Ok(turn) = self.asking.try_lock() {
            turn
        } else {
            if let Some(token) = self.kept_while(Kept::is_alive) {
                return Ok(token);
            }
            let turn = self.asking.lock().await;
            if let Some(token) = self.kept_while(|kept, now| !kept.is_due(now)) {
                return Ok(token);
            }
            turn
        };
        match self.prolong(&turn).await {
            Ok(token) => Ok(token),
            Err(failure) => {
                let alive = self.kept_while(Kept::is_alive).ok_or(failure)?;
                tracing::warn!("the token of the secret store could not be renewed yet");
                Ok(alive)
            }
        }
    }

    /// Another token than one that was refused. None when that one is new: then it is good, and
    /// what it was shown for is not allowed.
    pub(super) async fn token_after(
        self: &Arc<Self>,
        refused: &Arc<Secret>,
    ) -> Result<Option<Arc<Secret>>, Failure> {
        let turn = self.asking.lock().await;
        let now = self.clock.now();
        if let Some(kept) = self.kept().as_ref() {
            if !Arc::ptr_eq(&kept.token, refused) {
                return Ok(Some(Arc::clone(&kept.token)));
            }
            if now.since(kept.logged_in) < PAUSE_AFTER_LOGIN {
                return Ok(None);
            }
        }
        self.log_in(&turn).await.map(Some)
    }

    /// Renews the token, or logs in when there is none that can be renewed for long enough.
    async fn prolong(self: &Arc<Self>, turn: &Turn<'_, ()>) -> Result<Arc<Secret>, Failure> {
        let now = self.clock.now();
        let renewable = self.kept().as_ref().and_then(|kept| {
            let can_be = kept.is_renewable && kept.is_alive(now);
            can_be.then(|| (Arc::clone(&kept.token), kept.whole_life))
        });
        let Some((token, whole)) = renewable else { return self.log_in(turn).await };
        match self.api.renew(&token).await {
            Ok(renewed) if renewed.life.is_none() || renewed.life >= whole.map(|it| it / 2) => {
                if let Some(kept) = self.kept().as_mut() {
                    (kept.since, kept.life) = (now, renewed.life);
                }
                tracing::info!(seconds = seconds(renewed.life), "the store's token was renewed");
                Ok(token)
            }
            // It is near the end of what renewals can give, or dead.
            Ok(_) | Err(Failure::LoginRefused(_)) => self.log_in(turn).await,
            Err(failure) => Err(failure),
        }
    }

    async fn log_in(self: &Arc<Self>, _: &Turn<'_, ()>) -> Result<Arc<Secret>, Failure> {
        let now = self.clock.now();
        let answers::Token { text, life, is_renewable } = self.login.log_in(&self.api).await?;
        tracing::info!(method = %self.login, seconds = seconds(life), "logged in to the store");
        let token = Arc::new(text);
        let kept = Kept {
            token: Arc::clone(&token),
            since: now,
            life,
            whole_life: life,
            is_renewable,
            logged_in: now,
        };
        let is_first = self.kept().replace(kept).is_none();
        if is_first {
            self.keep_alive();
        }
        Ok(token)
    }

    /// Renews in time when nobody asks, since a token that ended cannot always be had again.
    fn keep_alive(self: &Arc<Self>) {
        let session = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                let Some(wait) = session.upgrade().map(|it| it.until_due()) else { return };
                tokio::time::sleep(wait).await;
                let Some(session) = session.upgrade() else { return };
                // What goes wrong is told by whoever needs the token.
                let _ = session.token().await;
            }
        });
    }

    fn until_due(&self) -> Duration {
        let now = self.clock.now();
        let due = self.kept().as_ref().and_then(|kept| {
            let left = (kept.life? * 2 / 3).saturating_sub(now.since(kept.since));
            Some(left)
        });
        due.unwrap_or(LONGEST_WAIT).clamp(SHORTEST_WAIT, LONGEST_WAIT)
    }

    fn kept_while(&self, good: impl Fn(&Kept, UnixTime) -> bool) -> Option<Arc<Secret>> {
        let now = self.clock.now();
        let kept = self.kept();
        kept.as_ref().filter(|kept| good(kept, now)).map(|kept| Arc::clone(&kept.token))
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds(life: Option<Duration>) -> u64 {
    life.map_or(0, |life| life.as_secs())
}

/// How old a login must be before a refusal is a reason for another one.
const PAUSE_AFTER_LOGIN: Duration = Duration::from_secs(5);
/// A server that does not renew is asked no more often than this by who keeps the token alive.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
