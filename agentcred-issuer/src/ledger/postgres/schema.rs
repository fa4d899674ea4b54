//! The schema: plain SQL files, run in order under one lock, each once.

use std::sync::Arc;

use tokio_postgres::{Client, GenericClient};

use super::{PostgresError, connect};
use crate::config::PostgresConfig;
use crate::secrets::SecretStore;

/// What a migration found and left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrated {
    /// The version that the database had; 0 when it was empty.
    pub from: usize,
    /// The version that it has now.
    pub to: usize,
}

/// Brings a database up to date: makes the tables, or adds what this issuer needs more.
///
/// # Errors
/// When the database cannot be reached or is newer than this issuer.
pub async fn migrate(
    config: &PostgresConfig,
    secrets: &Arc<dyn SecretStore>,
) -> Result<Migrated, PostgresError> {
    let (mut client, _) = connect::migrator(config, secrets).await?;
    run(&mut client).await
}

/// Ends the epoch: every grant and nonce is dead, and the first issuer to come begins another,
/// with its own key.
///
/// # Errors
/// When the database cannot be reached or is not migrated.
pub async fn begin_epoch(
    config: &PostgresConfig,
    secrets: &Arc<dyn SecretStore>,
) -> Result<(), PostgresError> {
    let (client, _) = connect::migrator(config, secrets).await?;
    check(&client).await?;
    client.execute("DELETE FROM agentcred.epoch", &[]).await?;
    Ok(())
}

/// However many do this at once, each file runs once.
async fn run(client: &mut Client) -> Result<Migrated, PostgresError> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(VERSIONS).await?;
    let from = version(&transaction).await?;
    if from > MIGRATIONS.len() {
        return Err(PostgresError::Newer { found: from, known: MIGRATIONS.len() });
    }
    for (sql, version) in MIGRATIONS.iter().zip(1..).skip(from) {
        transaction.batch_execute(sql).await?;
        let version: i32 = version;
        transaction
            .execute("INSERT INTO agentcred.migrations (version) VALUES ($1)", &[&version])
            .await?;
    }
    transaction.commit().await?;
    Ok(Migrated { from, to: MIGRATIONS.len() })
}

/// Refuses a database that this issuer does not know how to use.
pub(super) async fn check(client: &Client) -> Result<(), PostgresError> {
    let is_there = "SELECT to_regclass('agentcred.migrations') IS NOT NULL";
    let is_there = client.query_one(is_there, &[]).await?.try_get(0)?;
    let found = if is_there { version(client).await? } else { 0 };
    let known = MIGRATIONS.len();
    match found {
        _ if found < known => Err(PostgresError::NotMigrated { found, known }),
        _ if found > known => Err(PostgresError::Newer { found, known }),
        _ => Ok(()),
    }
}

async fn version(client: &impl GenericClient) -> Result<usize, PostgresError> {
    let newest = "SELECT coalesce(max(version), 0) FROM agentcred.migrations";
    let version: i32 = client.query_one(newest, &[]).await?.try_get(0)?;
    Ok(usize::try_from(version).unwrap_or(0))
}

/// The version of a database is how many of these it has seen. What was released is never
/// changed: a change is a new file.
const MIGRATIONS: [&str; 2] =
    [include_str!("migrations/0001_ledger.sql"), include_str!("migrations/0002_approvals.sql")];

const VERSIONS: &str = "
    SELECT pg_advisory_xact_lock(hashtext('agentcred.migrations'));
    CREATE SCHEMA IF NOT EXISTS agentcred;
    CREATE TABLE IF NOT EXISTS agentcred.migrations (
        version integer     PRIMARY KEY,
        applied timestamptz NOT NULL DEFAULT now()
    );";
