//! A ledger in PostgreSQL, which several issuers share.
//!
//! One statement decides each question, and the rows that it changed are the answer. What the
//! tables are and how an epoch ends stands in `migrations/0001_ledger.sql`.

mod approvals;
mod connect;
mod database;
mod epoch;
mod schema;
mod statements;
mod tidy;

use std::fmt;
use std::sync::Arc;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::{AgentId, NonceId, TaskId};
use agentcred_protocol::token::{GrantToken, NonceToken};
use async_trait::async_trait;
use aws_lc_rs::hmac;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use super::{
    Freshness, KnownNonce, Ledger, LedgerError, MintError, NewNonce, OneTimeId, STOPPED_FOR,
    Spending, Standing, StoppedTask,
};
use crate::call::{Call, Task};
use crate::config::PostgresConfig;
use crate::secrets::SecretStore;
pub(crate) use approvals::PostgresApprovals;
use database::{Database, Failed, Given};
use epoch::{Entered, Epoch};
use tidy::Tidying;

pub use connect::PostgresError;
pub use schema::{Migrated, begin_epoch, migrate};

/// The ledger of several issuers.
///
/// # Security
/// Tokens and ids are kept as HMAC-SHA-256 under a key that the issuers share and the database
/// never sees. A database that was put back to an earlier state, in whichever way, begins a new
/// epoch, in which nothing that was minted before is known.
pub struct PostgresLedger {
    key: hmac::Key,
    database: Arc<Database>,
    tidying: Tidying,
}

impl PostgresLedger {
    /// Connects, and enters the epoch.
    ///
    /// # Errors
    /// When the database cannot be reached, is not migrated, loses writes, or was entered by
    /// issuers with another key.
    pub async fn open(
        config: &PostgresConfig,
        secrets: &Arc<dyn SecretStore>,
    ) -> Result<Self, PostgresError> {
        let key = connect::key(config, &**secrets).await?;
        let pool = connect::pool(config, secrets)?;
        let client = connect::client(&pool, config).await?;
        schema::check(&client).await?;
        let epoch = Epoch::of_key(&key);
        let row = client.query_one(statements::ENTER_EPOCH, &[&epoch.key_check()]).await?;
        match epoch.enter(epoch.sight(), row.try_get(0)?, row.try_get(1)?) {
            Entered::AnotherKeys => return Err(PostgresError::AnotherKey),
            Entered::Epoch | Entered::ThePast => {}
        }
        let database = Arc::new(Database::new(pool, epoch, config.timeout));
        Ok(Self { key, database, tidying: Tidying::default() })
    }

    /// The calls that wait for a human, in the same database.
    pub(crate) fn approvals(&self) -> PostgresApprovals {
        PostgresApprovals::new(self.key.clone(), Arc::clone(&self.database))
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
    fn epoch(&self) -> String {
        self.database.epoch.name()
    }

    async fn open_task(
        &self,
        grant: &GrantToken,
        task: Task,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<(), LedgerError> {
        self.tidying.begin(&self.database, now);
        let hash = grant.keyed_hash(&self.key);
        let given: Given<'_> = &[
            &&hash.as_bytes()[..],
            &json(&task)?,
            &millis(expires),
            &millis(now),
            &self.database.epoch.key_check(),
        ];
        // When the epoch was over, there is another after the first attempt.
        for _ in 0..2 {
            let row = self.database.write(statements::OPEN_TASK, given).await?;
            match row.as_ref().map(|row| row.try_get::<_, &str>(1)) {
                Some(Ok("opened")) => return Ok(()),
                Some(Ok("stopped")) => return Err(LedgerError::Stopped),
                _ => self.database.settle().await?,
            }
        }
        Err(LedgerError::Unreachable)
    }

    async fn task(&self, grant: &GrantToken, now: UnixTime) -> Result<Option<Task>, LedgerError> {
        let hash = grant.keyed_hash(&self.key);
        let given: Given<'_> =
            &[&&hash.as_bytes()[..], &millis(now), &self.database.epoch.key_check()];
        if let Some(row) = self.database.ask(statements::TASK, given).await? {
            return read(&row, 0).map(Some);
        }
        self.database.settle().await?;
        Ok(None)
    }

    async fn add_nonce(
        &self,
        grant: &GrantToken,
        nonce: &NonceToken,
        entry: NewNonce,
        most: usize,
        now: UnixTime,
    ) -> Result<(), MintError> {
        self.tidying.begin(&self.database, now);
        let (grant, nonce) = (grant.keyed_hash(&self.key), nonce.keyed_hash(&self.key));
        let uses = i32::try_from(entry.uses.count()).unwrap_or(i32::MAX);
        let given: Given<'_> = &[
            &&grant.as_bytes()[..],
            &&nonce.as_bytes()[..],
            &json(&entry.call)?,
            &uses,
            &millis(entry.expires),
            &i64::try_from(most).unwrap_or(i64::MAX),
            &millis(now),
            &self.database.epoch.key_check(),
        ];
        let row = self
            .database
            .insert("nonces", now..=entry.expires, statements::ADD_NONCE, given)
            .await
            .map_err(LedgerError::from)?;
        match row.as_ref().map(|row| row.try_get::<_, &str>(1)) {
            Some(Ok("added")) => Ok(()),
            Some(Ok("too_many")) => Err(MintError::TooMany),
            Some(Ok("task_over")) => {
                self.database.settle().await.map_err(LedgerError::from)?;
                Err(MintError::TaskOver)
            }
            _ => Err(LedgerError::Unreachable.into()),
        }
    }

    async fn find(
        &self,
        nonce: &NonceToken,
        now: UnixTime,
    ) -> Result<Option<KnownNonce>, LedgerError> {
        let hash = nonce.keyed_hash(&self.key);
        let given: Given<'_> =
            &[&&hash.as_bytes()[..], &millis(now), &self.database.epoch.key_check()];
        let Some(row) = self.database.ask(statements::FIND, given).await? else {
            self.database.settle().await?;
            return Ok(None);
        };
        let standing = match row.try_get(2) {
            Ok("live") => Standing::Live,
            Ok("spent") => Standing::Spent,
            Ok("expired") => Standing::Expired,
            _ => Standing::Revoked,
        };
        Ok(Some(KnownNonce { call: read(&row, 0)?, task: read(&row, 1)?, standing }))
    }

    async fn spend(&self, nonce: &NonceToken, now: UnixTime) -> Result<Spending, LedgerError> {
        let hash = nonce.keyed_hash(&self.key);
        let given: Given<'_> =
            &[&&hash.as_bytes()[..], &millis(now), &self.database.epoch.key_check()];
        if self.database.write(statements::SPEND, given).await?.is_some() {
            return Ok(Spending::Spent);
        }
        // It was not spent, and this only tells why.
        Ok(match self.find(nonce, now).await? {
            Some(KnownNonce { standing: Standing::Live, .. }) => {
                Spending::Refused(Standing::Spent) // and given back since
            }
            Some(known) => Spending::Refused(known.standing),
            None => Spending::Unknown,
        })
    }

    async fn give_back(&self, nonce: &NonceToken) -> Result<(), LedgerError> {
        let hash = nonce.keyed_hash(&self.key);
        let given: Given<'_> = &[&&hash.as_bytes()[..]];
        self.database.write(statements::GIVE_BACK, given).await?;
        Ok(())
    }

    async fn revoke_nonce(
        &self,
        nonce: &NonceToken,
        now: UnixTime,
    ) -> Result<Option<Call>, LedgerError> {
        let hash = nonce.keyed_hash(&self.key);
        let given: Given<'_> =
            &[&&hash.as_bytes()[..], &millis(now), &self.database.epoch.key_check()];
        match self.database.write(statements::REVOKE_NONCE, given).await? {
            Some(row) if row.try_get(2).unwrap_or(false) => read(&row, 1).map(Some),
            _ => Ok(None),
        }
    }

    async fn revoke_nonce_named(
        &self,
        nonce: &NonceId,
        now: UnixTime,
    ) -> Result<Option<Call>, LedgerError> {
        let given: Given<'_> = &[&nonce.as_str(), &millis(now), &self.database.epoch.key_check()];
        match self.database.write(statements::REVOKE_NONCE_NAMED, given).await? {
            Some(row) if row.try_get(2).unwrap_or(false) => read(&row, 1).map(Some),
            _ => Ok(None),
        }
    }

    async fn stop_task(
        &self,
        agent: &AgentId,
        task: &TaskId,
        now: UnixTime,
    ) -> Result<StoppedTask, LedgerError> {
        let (until, now) = (millis(now + STOPPED_FOR), millis(now));
        let given: Given<'_> =
            &[&agent.as_str(), &task.as_str(), &until, &now, &self.database.epoch.key_check()];
        let row =
            self.database.write(statements::STOP_TASK, given).await?.ok_or(Failed::Unreachable)?;
        Ok(StoppedTask { grants: count(&row, 1)?, nonces: count(&row, 2)? })
    }

    async fn revoke_task(
        &self,
        grant: &GrantToken,
        now: UnixTime,
    ) -> Result<Option<(Task, usize)>, LedgerError> {
        let hash = grant.keyed_hash(&self.key);
        let given: Given<'_> =
            &[&&hash.as_bytes()[..], &millis(now), &self.database.epoch.key_check()];
        let Some(row) = self.database.write(statements::REVOKE_TASK, given).await? else {
            return Ok(None);
        };
        Ok(Some((read(&row, 1)?, count(&row, 2)?)))
    }

    async fn spend_id(
        &self,
        id: OneTimeId,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<Freshness, LedgerError> {
        self.tidying.begin(&self.database, now);
        let hash = hmac::sign(&self.key, id.as_bytes());
        let given: Given<'_> = &[&hash.as_ref(), &millis(expires)];
        let row = self.database.insert("ids", now..=expires, statements::SPEND_ID, given).await?;
        Ok(if row.is_some() { Freshness::New } else { Freshness::Seen })
    }
}

fn millis(time: UnixTime) -> i64 {
    i64::try_from(time.millis()).unwrap_or(i64::MAX)
}

fn json(value: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|_| LedgerError::Unreachable)
}

fn read<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, LedgerError> {
    parse(row.try_get(column).map_err(Failed::from)?)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|_| {
        tracing::error!("a row of the ledger cannot be read; is a newer issuer at work too?");
        LedgerError::Unreachable
    })
}

fn count(row: &Row, column: usize) -> Result<usize, LedgerError> {
    let count: i64 = row.try_get(column).map_err(Failed::from)?;
    Ok(usize::try_from(count).unwrap_or(0))
}

impl fmt::Debug for PostgresLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLedger")
            .field("epoch", &self.database.epoch.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
