//! Databases with another history than the one that a nonce was minted in: a standby that was
//! promoted, a copy within the server. Each comes with what would happen without the fence.

use agentcred_protocol::token::NonceToken;

use super::super::{PostgresError, Spending};
use super::cluster::{Cluster, Stop};
use super::{Stage, config, database, suite};
use crate::ledger::{Ledger as _, PostgresLedger, Standing};

async fn open(
    stage: &Stage,
    cluster: &Cluster,
    name: &str,
) -> Result<PostgresLedger, PostgresError> {
    let config = config(cluster, name, stage.folder.path());
    PostgresLedger::open(database(&config), &stage.secrets).await
}

/// What a nonce is worth there.
async fn standing(ledger: &PostgresLedger, nonce: &NonceToken) -> Option<Standing> {
    ledger.find(nonce, suite::NOW).await.unwrap().map(|known| known.standing)
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_standby_is_no_ledger_and_once_promoted_knows_no_older_nonce() {
    for (is_lagging, used_without_fence) in [(false, Standing::Spent), (true, Standing::Live)] {
        let stage = Stage::set().await;
        let ledger = stage.ledger().await;
        let used = suite::mint(&ledger, 1).await.nonce;
        let unused = suite::mint(&ledger, 1).await.nonce;
        let standby = stage.cluster.standby();
        let lag = || {
            let end = stage.cluster.sql("ledger", "SELECT pg_current_wal_flush_lsn()");
            standby.sql("ledger", &format!("SELECT pg_last_wal_replay_lsn() < '{end}'")) != "f"
        };
        while lag() {}
        if is_lagging {
            standby.stop(Stop::Fast);
        }
        assert_eq!(ledger.spend(&used, suite::NOW).await.unwrap(), Spending::Spent);
        while !is_lagging && lag() {}
        assert!(open(&stage, &standby, "ledger").await.is_err());
        stage.cluster.stop(Stop::Immediate);
        if is_lagging {
            standby.resume();
        }
        standby.promote();

        let promoted = open(&stage, &standby, "ledger").await.unwrap();
        assert_ne!(promoted.epoch(), ledger.epoch());
        for nonce in [&used, &unused] {
            assert_eq!(standing(&promoted, nonce).await, None);
        }
        let minted = suite::mint(&promoted, 1).await;
        assert_eq!(promoted.spend(&minted.nonce, suite::NOW).await.unwrap(), Spending::Spent);

        // The control: what the standby has, when nobody looks at its history.
        let back = format!("UPDATE agentcred.epoch SET id = '{}'", ledger.epoch());
        standby.sql("ledger", &back);
        standby.take_the_fence_away("ledger");
        assert_eq!(standing(&promoted, &used).await, Some(used_without_fence));
        assert_eq!(standing(&promoted, &unused).await, Some(Standing::Live));
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_database_that_was_made_from_the_ledgers_knows_none_of_its_nonces() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    let unused = suite::mint(&ledger, 1).await.nonce;
    let hang_up = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = 'ledger' AND pid <> pg_backend_pid()";
    for (copy, has_fence) in [("copy1", true), ("copy2", false)] {
        stage.cluster.sql("postgres", hang_up);
        let make = format!("CREATE DATABASE {copy} TEMPLATE ledger OWNER agentcred");
        stage.cluster.sql("postgres", &make);
        if !has_fence {
            stage.cluster.take_the_fence_away(copy);
        }
        let copied = open(&stage, &stage.cluster, copy).await.unwrap();
        let expected = (!has_fence).then_some(Standing::Live);
        assert_eq!(standing(&copied, &unused).await, expected);
    }
    // A copy that takes the place of what it was made from is one all the same.
    stage.cluster.sql("postgres", hang_up);
    stage.cluster.sql(
        "postgres",
        "CREATE DATABASE copy3 TEMPLATE ledger OWNER agentcred;
         ALTER DATABASE ledger RENAME TO before; ALTER DATABASE copy3 RENAME TO ledger;",
    );
    while ledger.find(&unused, suite::NOW).await.is_err() {}
    assert_eq!(standing(&ledger, &unused).await, None);
}
