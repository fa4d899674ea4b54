//! Calls that wait for a human: the suite, what the database holds of them, and what becomes of an
//! approval in another epoch.

use std::sync::Arc;
use std::time::Duration;

use super::{PostgresLedger, Stage, tidy};
use crate::approvals::suite::{self, approvals, ask, call, decide, take};
use crate::approvals::{ApprovalStore, Approved, Decision, Unapproved};
use crate::ledger::begin_epoch;

fn store(ledger: &PostgresLedger) -> Arc<dyn ApprovalStore> {
    Arc::new(ledger.approvals())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn they_pass_the_suite() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    suite::run(async || {
        stage.cluster.sql("ledger", "DELETE FROM agentcred.approvals");
        store(&ledger)
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_one_issuer_is_asked_another_knows() {
    let stage = Stage::set().await;
    let (asked, told) = (stage.ledger().await, stage.ledger().await);
    let (asked, told, call) = (approvals(store(&asked)), approvals(store(&told)), call("g", "c"));
    ask(&asked, "1", &call).await.unwrap();
    assert_eq!(ask(&told, "2", &call).await, ask(&asked, "1", &call).await);
    decide(&told, "1", Decision::Approved).await;
    take(&asked, "1", &call).await.unwrap().use_up();
    let twice = take(&told, "1", &call).await.map(Approved::use_up);
    assert_eq!(twice, Err(Unapproved::Over));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_was_shown_of_a_call_is_forgotten_whether_or_not_another_is_asked() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    ask(&approvals(store(&ledger)), "1", &call("g", "c")).await.unwrap();
    let expires = suite::NOW + suite::LIFE;
    let kept_after = async |now| {
        assert!(tidy::tidy(&ledger.database, now).await.unwrap());
        stage.cluster.sql("ledger", "SELECT count(*) FROM agentcred.approvals")
    };
    assert_eq!(kept_after(expires + Duration::from_mins(9)).await, "1");
    assert_eq!(kept_after(expires + Duration::from_mins(10)).await, "0");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn an_approval_dies_with_its_epoch_and_comes_back_in_no_copy() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    let (approvals, call) = (approvals(store(&ledger)), call("g", "c"));
    let over = Err(Unapproved::Over);
    ask(&approvals, "1", &call).await.unwrap();
    decide(&approvals, "1", Decision::Approved).await;
    // As a restored dump does: the same rows, written by another transaction.
    let saved = "CREATE TABLE saved AS SELECT * FROM agentcred.approvals";
    let restored =
        "DELETE FROM agentcred.approvals; INSERT INTO agentcred.approvals SELECT * FROM saved";
    stage.cluster.sql("ledger", saved);
    take(&approvals, "1", &call).await.unwrap().use_up();
    stage.cluster.sql("ledger", restored);
    assert_eq!(take(&approvals, "1", &call).await.map(Approved::use_up), over);
    // The control: without the fence it would be good again.
    let counts = "UPDATE agentcred.approvals SET written_by = pg_current_xact_id()";
    stage.cluster.sql("ledger", counts);
    take(&approvals, "1", &call).await.unwrap().give_back().await;
    begin_epoch(stage.database(), &stage.secrets).await.unwrap();
    assert_eq!(take(&approvals, "1", &call).await.map(Approved::use_up), over);
    assert!(approvals.list(suite::NOW).await.unwrap().is_empty());
}
