//! Single use when the racers are spread over several issuers.

use std::sync::Arc;

use tokio::sync::{Barrier, Semaphore};

use crate::stage::{Stage, count};

const RACERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn of_64_at_three_issuers_one_gets_the_use() {
    let nonces = count("AGENTCRED_SHARED_NONCES", 200);
    let stage = Arc::new(Stage::of(3).await);
    let at = stage.addresses();
    let grant = stage.agent.open(at[0]).await.unwrap();
    let mut refused = 0;
    for number in 0..nonces {
        let nonce = Arc::new(stage.agent.mint(at[number % 3], &grant, 1).await.unwrap());
        let start = Arc::new(Barrier::new(RACERS));
        let path = Arc::new(format!("/egress/stripe/v1/customers/c{number}"));
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let (stage, nonce) = (Arc::clone(&stage), Arc::clone(&nonce));
                let (start, path, at) = (Arc::clone(&start), Arc::clone(&path), at[racer % 3]);
                tokio::spawn(async move {
                    let proof = stage.agent.use_proof(&nonce, &path);
                    start.wait().await;
                    stage.agent.redeem(at, &nonce, &path, proof).await
                })
            })
            .collect();
        let mut won = 0;
        for racer in racers {
            match racer.await.unwrap() {
                Some(200) => won += 1,
                Some(401) => refused += 1,
                other => panic!("nonce {number}: {other:?}"),
            }
        }
        assert_eq!(won, 1, "nonce {number}");
    }
    let arrived = stage.arrived_paths();
    assert_eq!(arrived.len(), nonces);
    println!(
        "{nonces} nonces, {RACERS} racers each at 3 issuers: {nonces} uses, {refused} refused"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn a_proof_works_once_at_all_issuers_together() {
    let stage = Stage::of(2).await;
    let at = stage.addresses();
    let grant = stage.agent.open(at[0]).await.unwrap();
    let path = "/egress/stripe/v1/customers/c1";
    for _ in 0..20 {
        // More uses than requests, so that only the proof can be what is refused.
        let nonce = stage.agent.mint(at[1], &grant, 9).await.unwrap();
        let proof = stage.agent.use_proof(&nonce, path);
        let (one, other) = tokio::join!(
            stage.agent.redeem(at[0], &nonce, path, proof.clone()),
            stage.agent.redeem(at[1], &nonce, path, proof.clone()),
        );
        let mut answers = [one.unwrap(), other.unwrap()];
        answers.sort_unstable();
        assert_eq!(answers, [200, 401]);
        let late = stage.agent.redeem(at[0], &nonce, path, proof).await;
        assert_eq!(late, Some(401));
        // The control: another proof for the same nonce is welcome at both.
        for at in &at {
            let proof = stage.agent.use_proof(&nonce, path);
            assert_eq!(stage.agent.redeem(*at, &nonce, path, proof).await, Some(200));
        }
    }
    let replayed = |line: &serde_json::Value| line["reason"] == "proof_replayed";
    assert_eq!(stage.audits().iter().filter(|line| replayed(line)).count(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn a_task_has_no_more_live_nonces_than_it_may_at_all_issuers_together() {
    let stage = Arc::new(Stage::of(3).await);
    let at = stage.addresses();
    let grant = Arc::new(stage.agent.open(at[0]).await.unwrap());
    // The configuration allows 1000. Only so many ask at once, as they wait for one another.
    let places = Arc::new(Semaphore::new(24));
    let minters: Vec<_> = (0..1100)
        .map(|number| {
            let (stage, grant, at) = (Arc::clone(&stage), Arc::clone(&grant), at[number % 3]);
            let places = Arc::clone(&places);
            tokio::spawn(async move {
                let _place = places.acquire().await.unwrap();
                stage.agent.mint(at, &grant, 1).await
            })
        })
        .collect();
    let (mut minted, mut slowed) = (0, 0);
    for minter in minters {
        match minter.await.unwrap() {
            Ok(_) => minted += 1,
            Err(Some(refusal)) if refusal.contains("slow_down") => slowed += 1,
            Err(refusal) => panic!("{refusal:?}"),
        }
    }
    assert_eq!((minted, slowed), (1000, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn an_agent_has_its_rate_at_each_issuer_and_no_more() {
    let rate = "[agents.billing]\nrate = \"1/h\"\nburst = 4";
    let stage = Stage::with(3, |text| text.replace("[agents.billing]", rate)).await;
    for at in stage.addresses() {
        for _ in 0..4 {
            let _ = stage.agent.open(at).await.unwrap();
        }
        for _ in 0..4 {
            let refused = stage.agent.open(at).await.unwrap_err().unwrap();
            assert!(refused.contains("slow_down"), "{refused}");
        }
    }
}
