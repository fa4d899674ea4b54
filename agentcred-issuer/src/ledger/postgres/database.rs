//! How the database is asked: on a connection of the pool, for no longer than its time, and only
//! while it goes forward.

use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agentcred_protocol::clock::UnixTime;
use deadpool_postgres::{Object, Pool, PoolError};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::epoch::{Entered, Epoch, Sight};
use super::{LedgerError, PostgresError, connect, millis, statements};

/// A pool of connections, and the epoch that all of them are in.
pub(super) struct Database {
    pub(super) pool: Pool,
    pub(super) epoch: Epoch,
    timeout: Duration,
    /// When a connection could not be made last.
    failed: Mutex<Option<Instant>>,
}

impl Database {
    pub(super) fn new(pool: Pool, epoch: Epoch, timeout: Duration) -> Self {
        Self { pool, epoch, timeout, failed: Mutex::default() }
    }

    /// Runs a statement that gives at most one row.
    pub(super) async fn ask(&self, sql: &str, given: Given<'_>) -> Result<Option<Row>, Failed> {
        let client = self.client().await?;
        let asking = async {
            let statement = client.prepare_cached(sql).await?;
            client.query_opt(&statement, given).await
        };
        if let Ok(answer) = tokio::time::timeout(self.timeout + GRACE, asking).await {
            return Ok(answer?);
        }
        // Nobody knows what is still on its way on this connection.
        drop(Object::take(client));
        tracing::error!("the ledger's database did not answer in time");
        Err(Failed::Unreachable)
    }

    /// Runs a statement that writes. Its row begins with the number of its transaction, which
    /// must be above all that were seen before: else the database was wound back beneath us.
    pub(super) async fn write(&self, sql: &str, given: Given<'_>) -> Result<Option<Row>, Failed> {
        let before = self.epoch.sight();
        let Some(row) = self.ask(sql, given).await? else { return Ok(None) };
        if self.epoch.goes_on(before, row.try_get(0)?) {
            return Ok(Some(row));
        }
        self.end_epoch(before).await?;
        self.settle().await?;
        Err(Failed::Unreachable)
    }

    /// As [`Self::write`], for a row whose partition may not be there yet. The row expires at
    /// one of the `moments`: a nonce sooner than it asks for when its task ends sooner.
    pub(super) async fn insert(
        &self,
        table: &str,
        moments: RangeInclusive<UnixTime>,
        sql: &str,
        given: Given<'_>,
    ) -> Result<Option<Row>, Failed> {
        match self.write(sql, given).await {
            Err(Failed::NoRoom) => {
                let (since, until) = (millis(*moments.start()), millis(*moments.end()));
                self.ask(statements::MAKE_ROOM, &[&table, &since, &until]).await?;
                self.write(sql, given).await
            }
            done => done,
        }
    }

    /// What is not found may have died with its epoch. Enters the next one then.
    pub(super) async fn settle(&self) -> Result<(), Failed> {
        for _ in 0..2 {
            let before = self.epoch.sight();
            let row = self.ask(statements::ENTER_EPOCH, &[&self.epoch.key_check()]).await?;
            let row = row.ok_or(Failed::Unreachable)?;
            match self.epoch.enter(before, row.try_get(0)?, row.try_get(1)?) {
                Entered::Epoch => return Ok(()),
                Entered::AnotherKeys => {
                    tracing::error!("{}", PostgresError::AnotherKey);
                    return Err(Failed::Unreachable);
                }
                Entered::ThePast => self.end_epoch(before).await?,
            }
        }
        Err(Failed::Unreachable)
    }

    /// Ends whichever epoch the database is in now: it may have been wound back into one that
    /// had ended.
    async fn end_epoch(&self, before: Sight) -> Result<(), Failed> {
        if self.epoch.is_still(before) {
            tracing::error!("the ledger's database went back in time; all nonces die");
            self.ask(statements::END_EPOCH, &[]).await?;
            self.epoch.leave(before);
        }
        Ok(())
    }

    /// A connection. While none can be made, only now and then somebody tries: a server that
    /// starts again has enough to do.
    async fn client(&self) -> Result<Object, Failed> {
        let failed = *self.failed();
        let is_pausing = failed.is_some_and(|failed| failed.elapsed() < PAUSE);
        if is_pausing && self.pool.status().available == 0 {
            return Err(Failed::Unreachable);
        }
        let connected = self.pool.get().await;
        match &connected {
            Ok(_) => *self.failed() = None,
            Err(error) => {
                tracing::error!(error = connect::chain(error), "no connection to the ledger");
                if matches!(error, PoolError::Backend(_)) {
                    *self.failed() = Some(Instant::now());
                }
            }
        }
        connected.map_err(|_| Failed::Unreachable)
    }

    fn failed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) type Given<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Why a statement gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// There is no partition for its row.
    NoRoom,
    /// What it would have had to wait for is in use, and it says that it does not wait.
    Busy,
    /// Whatever else it was, the log has it; the caller learns that the ledger cannot answer.
    Unreachable,
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::CHECK_VIOLATION) => return Self::NoRoom,
            Some(&SqlState::LOCK_NOT_AVAILABLE) => return Self::Busy,
            _ => tracing::error!(error = connect::chain(&error), "the ledger's database refuses"),
        }
        Self::Unreachable
    }
}

impl From<Failed> for LedgerError {
    fn from(_: Failed) -> Self {
        Self::Unreachable
    }
}

/// How much later than the server this side gives a statement up.
const GRACE: Duration = Duration::from_secs(1);

/// How long nobody tries to connect after it failed.
const PAUSE: Duration = Duration::from_millis(100);
