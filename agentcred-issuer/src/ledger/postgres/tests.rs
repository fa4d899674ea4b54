//! The ledger's suite against a real PostgreSQL, and what only this ledger has.

mod approvals;
#[path = "../../../tests/replicas/cluster.rs"]
mod cluster;
mod history;
mod tls;
mod trouble;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::tidy;
use crate::config::{Config, LedgerConfig, PostgresConfig};
use crate::ledger::{Ledger as _, PostgresError, PostgresLedger, Spending, migrate, suite};
use crate::secrets::{LocalSecrets, SecretStore, write_private};
use cluster::Cluster;

struct Stage {
    cluster: Cluster,
    config: Config,
    secrets: Arc<dyn SecretStore>,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        let stage = Self::empty();
        migrate(stage.database(), &stage.secrets).await.unwrap();
        stage
    }

    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Cluster::start();
        cluster.create("ledger");
        write_private(&folder.path().join("db.password"), cluster::PASSWORD);
        write_private(&folder.path().join("ledger.key"), &"k".repeat(32));
        let config = config(&cluster, "ledger", folder.path());
        Self { cluster, config, secrets: Arc::new(LocalSecrets::default()), folder }
    }

    fn database(&self) -> &PostgresConfig {
        database(&self.config)
    }

    async fn open(&self) -> Result<PostgresLedger, PostgresError> {
        PostgresLedger::open(self.database(), &self.secrets).await
    }

    async fn ledger(&self) -> PostgresLedger {
        self.open().await.unwrap()
    }

    fn write_key(&self, key: &str) {
        let path: &Path = self.folder.path();
        write_private(&path.join("ledger.key"), key);
    }
}

fn config(cluster: &Cluster, database: &str, folder: &Path) -> Config {
    parse(&cluster.ledger(database), folder)
}

fn parse(ledger: &str, folder: &Path) -> Config {
    Config::parse(&format!("audit.file = \"audit.jsonl\"\n{ledger}"), folder).unwrap()
}

fn database(config: &Config) -> &PostgresConfig {
    match config.ledger() {
        LedgerConfig::Postgres(config) => config,
        LedgerConfig::Memory => panic!("the ledger is in memory"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn it_passes_the_suite() {
    // A database for each check: tasks and nonces of other checks bear the same names.
    let stage = Stage::set().await;
    let count = AtomicU32::new(0);
    suite::run(async || {
        let copy = format!("ledger{}", count.fetch_add(1, Ordering::SeqCst));
        stage
            .cluster
            .sql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE ledger OWNER agentcred"));
        // A machine that does much else at once must not decide it.
        let ledger = format!("{}timeout = \"30s\"\n", stage.cluster.ledger(&copy));
        let config = parse(&ledger, stage.folder.path());
        PostgresLedger::open(database(&config), &stage.secrets).await.unwrap()
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_one_mints_another_spends() {
    let stage = Stage::set().await;
    let (one, other) = (stage.ledger().await, stage.ledger().await);
    let minted = suite::mint(&one, 1).await;
    assert_eq!(one.epoch(), other.epoch());
    assert_eq!(other.spend(&minted.nonce, suite::NOW).await.unwrap(), Spending::Spent);
    assert_ne!(one.spend(&minted.nonce, suite::NOW).await.unwrap(), Spending::Spent);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_database_that_is_not_migrated_or_too_new_is_refused() {
    let stage = Stage::empty();
    let refused = stage.open().await.unwrap_err();
    assert!(matches!(refused, PostgresError::NotMigrated { found: 0, .. }), "{refused}");
    let first = migrate(stage.database(), &stage.secrets).await.unwrap();
    let second = migrate(stage.database(), &stage.secrets).await.unwrap();
    assert_eq!((first.from, second.from), (0, first.to));
    stage.ledger().await;
    stage.cluster.sql("ledger", "INSERT INTO agentcred.migrations VALUES (1000)");
    assert!(matches!(stage.open().await, Err(PostgresError::Newer { found: 1000, .. })));
    let again = migrate(stage.database(), &stage.secrets).await;
    assert!(matches!(again, Err(PostgresError::Newer { .. })));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_short_key_another_key_and_a_forgetful_server_are_refused() {
    let stage = Stage::set().await;
    stage.ledger().await;
    stage.write_key(&"k".repeat(31));
    assert!(matches!(stage.open().await, Err(PostgresError::WeakKey(_))));
    stage.write_key(&"K".repeat(32));
    assert!(matches!(stage.open().await, Err(PostgresError::AnotherKey)));
    stage.write_key(&"k".repeat(32));
    stage.ledger().await;
    stage.cluster.sql("ledger", "ALTER SYSTEM SET full_page_writes = off");
    stage.cluster.sql("ledger", "SELECT pg_reload_conf()");
    stage.cluster.stop(cluster::Stop::Fast);
    stage.cluster.resume();
    assert!(matches!(stage.open().await, Err(PostgresError::LosesWrites { .. })));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_nonce_of_a_task_that_ends_soon_finds_room() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    // Whoever tidies makes room beforehand, and nobody does here.
    let tidying = ledger.database.pool.get().await.unwrap();
    let lock = "SELECT pg_advisory_lock(hashtext('agentcred.tidy'))";
    tidying.batch_execute(lock).await.unwrap();
    suite::a_nonce_does_not_outlive_its_task(&ledger).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_expired_goes_with_its_partition() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    let minted = suite::mint(&ledger, 1).await;
    let partitions = "SELECT count(*) FROM pg_inherits
                       WHERE inhparent = 'agentcred.nonces'::regclass";
    let rows = "SELECT (SELECT count(*) FROM agentcred.nonces)
                     + (SELECT count(*) FROM agentcred.tasks)";
    assert_eq!(stage.cluster.sql("ledger", rows), "2");
    // Before it expired, nothing goes.
    while !tidy::tidy(&ledger.database, suite::NOW).await.unwrap() {}
    assert_eq!(stage.cluster.sql("ledger", rows), "2");
    let later = suite::NOW + Duration::from_hours(24);
    assert!(tidy::tidy(&ledger.database, later).await.unwrap());
    assert_eq!(stage.cluster.sql("ledger", rows), "0");
    assert_eq!(stage.cluster.sql("ledger", partitions), "3");
    assert!(ledger.find(&minted.nonce, suite::NOW).await.unwrap().is_none());
}
