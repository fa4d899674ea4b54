//! Single use under contention: through the whole issuer, and at the ledger, which decides it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentcred_issuer::ledger::{Ledger as _, MemoryLedger, NewNonce, Spending};
use agentcred_issuer::{Call, Task};
use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::refusal::REFUSAL_HEADER;
use agentcred_protocol::token::{GrantToken, NonceToken};
use agentcred_protocol::ttl::Uses;
use aws_lc_rs::rand::SystemRandom;
use serde_json::json;
use tokio::sync::Barrier;

use crate::agent::{READ, Wish};
use crate::count;
use crate::stage::Stage;

const RACERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_at_once_no_more_succeed_than_there_are_uses() {
    let stage = Arc::new(Stage::set().await);
    let nonces = count("AGENTCRED_RACED_NONCES", 6);
    let mut granted = 0;
    for nonce in 0..nonces {
        let uses = if nonce % 2 == 0 { 1 } else { 3 };
        granted += usize::try_from(uses).unwrap();
        let nonce = stage.agent.mint(Wish { uses, ..READ }).await;
        assert_eq!(race_through(&stage, nonce).await, uses);
    }
    assert_eq!(stage.upstream.arrived().len(), granted);
    println!("{nonces} nonces raced for by {RACERS}: {granted} uses granted, {granted} arrived");
}

/// How many of the racers got through.
async fn race_through(stage: &Arc<Stage>, nonce: NonceToken) -> u32 {
    let nonce = Arc::new(nonce);
    race(|| {
        let (stage, nonce) = (Arc::clone(stage), Arc::clone(&nonce));
        async move {
            let response = stage.agent.get(&nonce, "/egress/stripe/v1/customers").await;
            let is_through = response.status() == 200;
            if !is_through {
                assert_eq!(response.status(), 401);
                assert_eq!(response.headers()[REFUSAL_HEADER], "invalid_token");
            }
            is_through
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_at_the_ledger_one_spends_each_nonce() {
    const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
    let nonces = count("AGENTCRED_LEDGER_RACES", 500);
    let (ledger, random) = (MemoryLedger::new(&SystemRandom::new()).unwrap(), SystemRandom::new());
    let (ledger, grant) = (Arc::new(ledger), GrantToken::mint(&random).unwrap());
    let task = Task {
        agent: "billing".parse().unwrap(),
        task: "task-1".parse().unwrap(),
        user: None,
        key: SigningKey::ephemeral().unwrap().thumbprint().clone(),
    };
    let call = Call {
        agent: task.agent.clone(),
        task: task.task.clone(),
        user: None,
        tool: "find_customers".parse().unwrap(),
        tool_call_id: "call_1".parse().unwrap(),
        args_hash: ArgumentsHash::of(&json!({})),
        nonce_id: "n_1".parse().unwrap(),
        service: "stripe".parse().unwrap(),
        scope: "read:customers".parse().unwrap(),
    };
    let expires = NOW + Duration::from_mins(5);
    ledger.open_task(&grant, task, expires, NOW).await.unwrap();
    for number in 0..nonces {
        let nonce = Arc::new(NonceToken::mint(&random).unwrap());
        let entry = NewNonce { call: call.clone(), uses: Uses::ONE, expires };
        ledger.add_nonce(&grant, &nonce, entry, usize::MAX, NOW).await.unwrap();
        let spent = race(|| {
            let (ledger, nonce) = (Arc::clone(&ledger), Arc::clone(&nonce));
            async move { ledger.spend(&nonce, NOW).await.unwrap() == Spending::Spent }
        });
        assert_eq!(spent.await, 1, "nonce {number}");
    }
    println!("{nonces} nonces raced for by {RACERS} at the ledger: {nonces} uses");
}

/// The control: who looks first and writes then lets several through.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_ledger_that_reads_before_it_writes_loses_the_race() {
    let is_spent = Arc::new(AtomicBool::new(false));
    let spent = race(|| {
        let is_spent = Arc::clone(&is_spent);
        async move {
            let was_spent = is_spent.load(Ordering::SeqCst);
            tokio::task::yield_now().await;
            is_spent.store(true, Ordering::SeqCst);
            !was_spent
        }
    });
    assert!(spent.await > 1);
}

/// Lets so many do it at the same moment, and gives how many succeeded.
async fn race<F>(racer: impl Fn() -> F) -> u32
where
    F: Future<Output = bool> + Send + 'static,
{
    let start = Arc::new(Barrier::new(RACERS));
    let racers: Vec<_> = (0..RACERS)
        .map(|_| {
            let (start, running) = (Arc::clone(&start), racer());
            tokio::spawn(async move {
                start.wait().await;
                running.await
            })
        })
        .collect();
    let mut succeeded = 0;
    for racer in racers {
        succeeded += u32::from(racer.await.unwrap());
    }
    succeeded
}
