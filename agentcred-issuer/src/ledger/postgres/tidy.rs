//! Forgetting: what expired goes with its partition, by whichever issuer comes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;

use super::database::{Database, Failed};
use super::{approvals, millis, statements};

/// When to tidy next.
#[derive(Debug, Default)]
pub(super) struct Tidying {
    next: AtomicU64,
}

impl Tidying {
    /// Begins to tidy when it is time to. Nobody waits for it: what expired is dead whether it
    /// is there or not, and a partition that is missing is made when it is missed.
    pub(super) fn begin(&self, database: &Arc<Database>, now: UnixTime) {
        let next = self.next.load(Ordering::Relaxed);
        let then = (now + PAUSE).millis();
        let is_ours = now.millis() >= next
            && self.next.compare_exchange(next, then, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_ours {
            let database = Arc::clone(database);
            tokio::spawn(async move {
                match tidy(&database, now).await {
                    Ok(is_done) => tracing::debug!(is_done, "the ledger was tidied"),
                    // It has said why, or somebody works with what would go: another time then.
                    Err(failed) => tracing::debug!(?failed, "the ledger was not tidied"),
                }
            });
        }
    }
}

/// Forgets in small steps, each a transaction of its own, until nothing is left to forget. Gives
/// whether that is so; it is not when another issuer is at it.
pub(super) async fn tidy(database: &Database, now: UnixTime) -> Result<bool, Failed> {
    let over = millis(now).saturating_sub(RETENTION);
    database.ask(statements::FORGET_OLD_APPROVALS, &[&approvals::over(now)]).await?;
    loop {
        let step = database.ask(statements::TIDY, &[&millis(now), &over]).await?;
        match step.ok_or(Failed::Unreachable)?.try_get(0)? {
            None => return Ok(false),
            Some(0_i64) => return Ok(true),
            Some(_) => {}
        }
    }
}

/// Partitions are five minutes wide, so that there is one to drop now and then.
const PAUSE: Duration = Duration::from_mins(1);

/// How long the dead are remembered, in milliseconds, so that the audit can name a nonce that
/// comes too late.
const RETENTION: i64 = 60_000;
