//! Forgetting: what expired goes with its partition, by whichever issuer comes first.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;
use deadpool_postgres::Pool;

use super::{connect, millis, statements};

/// When to tidy next.
#[derive(Debug, Default)]
pub(super) struct Tidying {
    next: AtomicU64,
}

impl Tidying {
    /// Begins to tidy when it is time to. Nobody waits for it: what expired is dead whether it
    /// is there or not, and a partition that is missing is made when it is missed.
    pub(super) fn begin(&self, pool: &Pool, now: UnixTime) {
        let next = self.next.load(Ordering::Relaxed);
        let then = (now + PAUSE).millis();
        let is_ours = now.millis() >= next
            && self.next.compare_exchange(next, then, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_ours {
            let pool = pool.clone();
            tokio::spawn(async move { tidy(&pool, now).await });
        }
    }
}

async fn tidy(pool: &Pool, now: UnixTime) {
    let client = match pool.get().await {
        Ok(client) => client,
        Err(error) => {
            tracing::warn!(error = connect::chain(&error), "the ledger was not tidied");
            return;
        }
    };
    let over = millis(now).saturating_sub(RETENTION);
    match client.query_one(statements::TIDY, &[&millis(now), &over]).await {
        Ok(row) => {
            let dropped: i64 = row.try_get(0).unwrap_or(0);
            tracing::debug!(dropped, "the ledger was tidied");
        }
        Err(error) => {
            tracing::warn!(error = connect::chain(&error), "the ledger was not tidied");
        }
    }
}

/// Partitions are five minutes wide, so that there is one to drop now and then.
const PAUSE: Duration = Duration::from_mins(1);

/// How long the dead are remembered, in milliseconds, so that the audit can name a nonce that
/// comes too late.
const RETENTION: i64 = 60_000;
