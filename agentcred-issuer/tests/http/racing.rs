//! Single use under contention.

use std::sync::Arc;

use agentcred_protocol::refusal::REFUSAL_HEADER;
use agentcred_protocol::token::NonceToken;
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
        assert_eq!(race(&stage, nonce).await, uses);
    }
    assert_eq!(stage.upstream.arrived().len(), granted);
    println!("{nonces} nonces raced for by {RACERS}: {granted} uses granted, {granted} arrived");
}

/// How many of the racers got through.
async fn race(stage: &Arc<Stage>, nonce: NonceToken) -> u32 {
    let nonce = Arc::new(nonce);
    let start = Arc::new(Barrier::new(RACERS));
    let racers: Vec<_> = (0..RACERS)
        .map(|_| {
            let (stage, nonce) = (Arc::clone(stage), Arc::clone(&nonce));
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                let response = stage.agent.get(&nonce, "/egress/stripe/v1/customers").await;
                let is_through = response.status() == 200;
                if !is_through {
                    assert_eq!(response.status(), 401);
                    assert_eq!(response.headers()[REFUSAL_HEADER], "invalid_token");
                }
                u32::from(is_through)
            })
        })
        .collect();
    let mut succeeded = 0;
    for racer in racers {
        succeeded += racer.await.unwrap();
    }
    succeeded
}
