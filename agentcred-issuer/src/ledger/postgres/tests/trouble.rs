//! What happens beneath a ledger at work: a backup that takes long, partitions that come and go,
//! a server that hangs, a password that changes, a server that is wound back.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::token::GrantToken;
use aws_lc_rs::rand::SystemRandom;

use super::super::{LedgerError, Spending, millis, tidy};
use super::cluster::{self, Stop};
use super::{Stage, suite};
use crate::ledger::Ledger as _;
use crate::secrets::write_private;

const NOW: UnixTime = suite::NOW;

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_backup_that_takes_long_keeps_nobody_from_minting() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    suite::mint(&ledger, 1).await;
    let backup = ledger.database.pool.get().await.unwrap();
    // As `pg_dump` does, which reads all of it in one transaction.
    let read = "BEGIN; SELECT count(*) FROM agentcred.nonces; SELECT count(*) FROM agentcred.ids";
    backup.batch_execute(read).await.unwrap();
    let much_later = NOW + Duration::from_mins(30);
    let grant = GrantToken::mint(&SystemRandom::new()).unwrap();
    let end = much_later + Duration::from_mins(30);
    ledger.open_task(&grant, suite::task(), end, much_later).await.unwrap();
    let nonce = suite::add_at(&ledger, &grant, 1, 9, much_later).await.unwrap();
    let partitions = || {
        let old = millis(NOW) - millis(NOW) % 300_000;
        stage.cluster.sql("ledger", &format!("SELECT to_regclass('agentcred.nonces_{old}')"))
    };
    // What is read is not dropped, and nobody waits behind whoever would drop it.
    for _ in 0..3 {
        assert_ne!(tidy::tidy(&ledger.database, much_later).await, Ok(true));
    }
    assert_eq!(ledger.spend(&nonce, much_later).await.unwrap(), Spending::Spent);
    assert_ne!(partitions(), "");
    backup.batch_execute("COMMIT").await.unwrap();
    // The mint has begun to tidy too, and one at a time does it.
    while !tidy::tidy(&ledger.database, much_later).await.unwrap() {}
    assert_eq!(partitions(), "");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn rows_keep_their_writer_when_they_are_frozen_or_moved() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    let minted = suite::mint(&ledger, 9).await;
    let epoch = ledger.epoch();
    for vacuum in ["VACUUM (FREEZE)", "VACUUM (FULL, FREEZE)"] {
        for table in ["epoch", "tasks", "nonces"] {
            stage.cluster.sql("ledger", &format!("{vacuum} agentcred.{table}"));
        }
        assert!(ledger.task(&minted.grant, NOW).await.unwrap().is_some());
        assert_eq!(ledger.spend(&minted.nonce, NOW).await, Ok(Spending::Spent));
        let _ = suite::add_at(&ledger, &minted.grant, 1, 9, NOW).await.unwrap();
    }
    assert_eq!(ledger.epoch(), epoch);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn more_is_forgotten_than_one_statement_has_time_for() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    let minted = suite::mint(&ledger, 1).await;
    let many = "INSERT INTO agentcred.tasks (grant_hash, epoch, task, expires)
                SELECT sha256(n::text::bytea), '', '{}', 0 FROM generate_series(1, 2500) n";
    stage.cluster.sql("ledger", many);
    let tasks = "SELECT count(*) FROM agentcred.tasks";
    let step = format!("SELECT agentcred.tidy({0}, {0})", NOW.millis());
    // The first mint has begun to tidy.
    while !tidy::tidy(&ledger.database, NOW).await.unwrap() {}
    assert_eq!(stage.cluster.sql("ledger", tasks), "1");
    stage.cluster.sql("ledger", many);
    assert_eq!(stage.cluster.sql("ledger", &step), "1000");
    assert_eq!(stage.cluster.sql("ledger", tasks), "1501");
    assert!(tidy::tidy(&ledger.database, NOW).await.unwrap());
    assert_eq!(stage.cluster.sql("ledger", tasks), "1");
    assert!(ledger.task(&minted.grant, NOW).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn nothing_fails_and_nothing_deadlocks_while_partitions_come_and_go() {
    let stage = Stage::set().await;
    let ledger = Arc::new(stage.ledger().await);
    let (over, is_over) = tokio::sync::watch::channel(false);
    let workers: Vec<_> = (0..12)
        .map(|_| {
            let (ledger, is_over) = (Arc::clone(&ledger), is_over.clone());
            tokio::spawn(async move {
                let mut rounds = 0;
                while !*is_over.borrow() {
                    let minted = suite::mint(&*ledger, 2).await;
                    let spend = async || ledger.spend(&minted.nonce, NOW).await.unwrap();
                    let (one, other, given) =
                        tokio::join!(spend(), spend(), ledger.give_back(&minted.nonce));
                    given.unwrap();
                    assert_eq!((one, other), (Spending::Spent, Spending::Spent));
                    let agent = "billing".parse().unwrap();
                    let task = "task-2".parse().unwrap();
                    let (revoked, ended, stopped) = tokio::join!(
                        ledger.revoke_nonce(&minted.nonce, NOW),
                        ledger.revoke_task(&minted.grant, NOW),
                        ledger.stop_task(&agent, &task, NOW),
                    );
                    revoked.unwrap();
                    assert!(ended.unwrap().is_some());
                    stopped.unwrap();
                    assert_ne!(spend().await, Spending::Spent);
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    for step in 0..20 {
        // Long before now, so that what the others work with stays.
        let since = step * 600_000;
        for table in ["nonces", "ids"] {
            let make = format!("SELECT agentcred.make_room('{table}', {since}, {since} + 600000)");
            stage.cluster.sql("ledger", &make);
        }
        let now = NOW + Duration::from_mins(5 * u64::from(step % 4 == 0));
        tidy::tidy(&ledger.database, now).await.ok();
    }
    over.send(true).unwrap();
    let mut rounds = 0;
    for worker in workers {
        rounds += worker.await.unwrap();
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'ledger'";
    assert_eq!(stage.cluster.sql("postgres", deadlocks), "0");
    assert!(rounds > 0);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_server_that_hangs_is_given_up_and_found_again() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    let minted = suite::mint(&ledger, 1).await;
    let backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'agentcred-issuer'";
    let backends = stage.cluster.sql("ledger", backends);
    let signal = |how: &str| {
        cluster::done(Command::new("kill").arg(how).args(backends.lines()));
    };
    signal("-STOP");
    let patience = stage.database().timeout * 2 + Duration::from_secs(1);
    let mut given_up = 0;
    loop {
        let asked = tokio::time::timeout(patience, ledger.spend(&minted.nonce, NOW)).await;
        match asked.expect("it waits for a server that hangs") {
            Err(error) => assert_eq!(error, LedgerError::Unreachable),
            Ok(spending) => break assert_eq!(spending, Spending::Spent),
        }
        given_up += 1;
    }
    // Each connection that hangs is given up once.
    assert!((1..=backends.lines().count()).contains(&given_up));
    signal("-CONT");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_server_that_is_away_is_not_asked_by_everybody_at_once() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    let minted = suite::mint(&ledger, 1).await;
    stage.cluster.stop(Stop::Immediate);
    // Somebody listens there who hangs up.
    let listener = TcpListener::bind(("127.0.0.1", stage.cluster.port)).unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&asked);
    let (closing, is_closing) = std::sync::mpsc::channel::<()>();
    let serving = std::thread::spawn(move || {
        for _ in listener.incoming() {
            counting.fetch_add(1, Ordering::SeqCst);
            if is_closing.try_recv().is_ok() {
                return;
            }
        }
    });
    let began = Instant::now();
    for _ in 0..1000 {
        assert!(ledger.spend(&minted.nonce, NOW).await.is_err());
    }
    let most = 12 + began.elapsed().as_millis() / 100;
    assert!(u128::from(asked.load(Ordering::SeqCst)) <= most, "{asked:?} of {most}");
    closing.send(()).unwrap();
    TcpStream::connect(("127.0.0.1", stage.cluster.port)).unwrap();
    serving.join().unwrap();
    stage.cluster.resume();
    while ledger.task(&minted.grant, NOW).await.is_err() {}
    suite::mint(&ledger, 1).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_changed_password_is_used_for_the_next_connection() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    let minted = suite::mint(&ledger, 1).await;
    let change = |password: &str| {
        let hang_up = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE usename = 'agentcred'";
        let alter = format!("ALTER ROLE agentcred PASSWORD '{password}'; {hang_up}");
        stage.cluster.sql("ledger", &alter);
    };
    change("another-password");
    // Whoever has the old one alone is refused.
    while ledger.task(&minted.grant, NOW).await.is_ok() {}
    assert_eq!(ledger.spend(&minted.nonce, NOW).await, Err(LedgerError::Unreachable));
    write_private(&stage.folder.path().join("db.password"), "another-password");
    while ledger.task(&minted.grant, NOW).await.is_err() {}
    assert_eq!(ledger.spend(&minted.nonce, NOW).await, Ok(Spending::Spent));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn an_epoch_that_ended_does_not_come_back() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    let minted = suite::mint(&ledger, 1).await;
    let copy = stage.cluster.files().with_file_name("copy");
    stage.cluster.copy_files(&copy);
    assert_eq!(ledger.spend(&minted.nonce, NOW).await.unwrap(), Spending::Spent);
    stage.cluster.sql("ledger", "DELETE FROM agentcred.epoch");
    let old = ledger.epoch();
    for _ in 0..20 {
        // The first of them finds that its epoch is over.
        let grant = GrantToken::mint(&SystemRandom::new()).unwrap();
        let end = NOW + Duration::from_hours(1);
        ledger.open_task(&grant, suite::task(), end, NOW).await.unwrap();
    }
    let newer = ledger.epoch();
    assert_ne!(newer, old);
    stage.cluster.put_back(&copy);
    // A snapshot of a machine with its memory would look like this: nothing in the database is
    // at odds, and only the issuer knows better.
    stage.cluster.take_the_fence_away("ledger");
    // Whoever finds it out is told no more than that it cannot be told.
    while ledger.epoch() == newer {
        assert!(!matches!(ledger.spend(&minted.nonce, NOW).await, Ok(Spending::Spent)));
    }
    assert_eq!(ledger.spend(&minted.nonce, NOW).await, Ok(Spending::Unknown));
    assert_ne!(ledger.epoch(), old);
}
