//! Single use under contention.

use std::sync::Arc;

use agentcred_protocol::refusal::REFUSAL_HEADER;
use tokio::sync::Barrier;

use crate::agent::{READ, Wish};
use crate::stage::Stage;

const RACERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_at_once_no_more_succeed_than_there_are_uses() {
    let stage = Arc::new(Stage::set().await);
    for uses in [1, 3] {
        let before = stage.upstream.arrived().len();
        let nonce = Arc::new(stage.agent.mint(Wish { uses, ..READ }).await);
        let start = Arc::new(Barrier::new(RACERS));
        let racers: Vec<_> = (0..RACERS)
            .map(|_| {
                let (stage, nonce) = (Arc::clone(&stage), Arc::clone(&nonce));
                let start = Arc::clone(&start);
                tokio::spawn(async move {
                    start.wait().await;
                    let response = stage.agent.get(&nonce, "/egress/stripe/v1/customers").await;
                    match response.status().as_u16() {
                        200 => 1,
                        401 => {
                            assert_eq!(response.headers()[REFUSAL_HEADER], "invalid_token");
                            0
                        }
                        other => panic!("a racer got {other}"),
                    }
                })
            })
            .collect();
        let mut succeeded = 0;
        for racer in racers {
            succeeded += racer.await.unwrap();
        }
        assert_eq!(succeeded, uses);
        let arrived = stage.upstream.arrived().len() - before;
        assert_eq!(arrived, usize::try_from(uses).unwrap());
    }
}
