//! Rates over HTTP: an agent that asks too often is told when to come back, and no other is.

use std::time::{Duration, Instant};

use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::token::GrantToken;
use futures_util::stream::{self, StreamExt as _};

use crate::agent::{READ, Wish};
use crate::stage::{CONFIG, Stage};
use crate::upstream::{Upstream, json};

const AGENT: &str = "[agents.billing]";

async fn stage(rate: &str) -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    let edit = |policy: String| policy.replace(AGENT, &format!("{AGENT}\n{rate}"));
    Stage::with_policy(upstream, |policy, _| edit(policy)).await
}

#[tokio::test]
async fn an_agent_over_its_rate_is_told_when_to_come_back() {
    let stage = stage("rate = \"6/m\"\nburst = 3").await;
    let grant = stage.agent.grant().await;
    for _ in 0..2 {
        stage.agent.try_mint(&grant, READ).await.unwrap();
    }
    let form = stage.agent.nonce_form(&grant, READ);
    let refused = stage.agent.post("/token", form, Some(stage.agent.token_proof())).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "10");
    assert_eq!(stage.agent.try_grant("task-2").await.unwrap_err().code, RefusalCode::SlowDown);
    assert_eq!(stage.last_reason(), "agent_over_rate");
    assert_eq!(stage.audit_of("refusal").last().unwrap()["agent"], "billing");
    // Another agent has a rate of its own, or none.
    for task in ["task-1", "task-2", "task-3", "task-4", "task-5"] {
        drop(stage.other_agent.try_grant(task).await.unwrap());
    }
    stage.clock.advance(Duration::from_secs(10));
    stage.agent.try_mint(&grant, READ).await.unwrap();
    assert!(stage.agent.try_mint(&grant, READ).await.is_err());
}

#[tokio::test]
async fn who_proves_nothing_uses_up_nobodys_rate() {
    let stage = stage("rate = \"2/h\"").await;
    let grant = stage.agent.grant().await;
    for _ in 0..5 {
        let form = stage.agent.nonce_form(&grant, READ);
        assert_eq!(stage.agent.post("/token", form, None).await.status(), 400);
    }
    stage.agent.try_mint(&grant, READ).await.unwrap();
    assert!(stage.agent.try_mint(&grant, READ).await.is_err());
}

#[tokio::test]
async fn a_reload_changes_a_rate() {
    let stage = stage("rate = \"1/h\"").await;
    let grant = stage.agent.grant().await;
    assert!(stage.agent.try_mint(&grant, READ).await.is_err());
    let file = stage.folder().join(CONFIG);
    let text = std::fs::read_to_string(&file).unwrap();
    // What else changes gives no agent a new start.
    std::fs::write(&file, text.replace("max_outstanding = 100", "max_outstanding = 90")).unwrap();
    stage.server.reload().await.unwrap();
    assert!(stage.agent.try_mint(&grant, READ).await.is_err());
    std::fs::write(&file, text.replace("1/h", "5/h")).unwrap();
    stage.server.reload().await.unwrap();
    stage.agent.try_mint(&grant, READ).await.unwrap();
}

#[tokio::test]
async fn mistakes_are_found_by_key_and_line() {
    let stage = stage("").await;
    let file = stage.folder().join(CONFIG);
    let text = std::fs::read_to_string(&file).unwrap();
    for (rate, key) in [
        ("rate = \"60\"", "rate"),
        ("rate = \"0/m\"", "rate"),
        ("rate = \"5/s\"\nburst = 0", "burst"),
        ("burst = 5", "burst"),
    ] {
        let edited = text.replace(AGENT, &format!("{AGENT}\n{rate}"));
        let line = edited.lines().position(|line| line.starts_with(key)).unwrap() + 1;
        std::fs::write(&file, edited).unwrap();
        let refused = stage.server.reload().await.unwrap_err().to_string();
        assert!(refused.contains(&format!("line {line}: agents.billing.{key} ")), "{refused}");
    }
}

#[tokio::test]
async fn a_task_over_its_rate_is_told_so_and_another_task_of_the_agent_is_not() {
    let upstream = Upstream::answering(json("{}")).await;
    let rate = "[tasks]\nrate = \"60/m\"\nburst = 3";
    let edit = |policy: String| policy.replace("[tasks]", rate);
    let stage = Stage::with_policy(upstream, |policy, _| edit(policy)).await;
    let grant = stage.agent.grant().await;
    for _ in 0..2 {
        stage.agent.try_mint(&grant, READ).await.unwrap();
    }
    let refused = stage.agent.try_mint(&grant, READ).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::SlowDown);
    assert_eq!(stage.last_reason(), "task_over_rate");
    assert_eq!(stage.audit_of("refusal").last().unwrap()["task"], "task-1");
    // Nor is a task of the same name that another agent has.
    let other = stage.agent.try_grant("task-2").await.unwrap();
    stage.agent.try_mint(&other, READ).await.unwrap();
    drop(stage.other_agent.try_grant("task-1").await.unwrap());
    stage.clock.advance(Duration::from_secs(1));
    stage.agent.try_mint(&grant, READ).await.unwrap();
    assert!(stage.agent.try_mint(&grant, READ).await.is_err());
}

/// How long the other agent waits for each of its nonces, the slowest and the middle one.
async fn waits(stage: &Stage, grant: &GrantToken) -> (Duration, Duration) {
    let mut waits = Vec::new();
    for _ in 0..OTHERS {
        let began = Instant::now();
        stage.other_agent.try_mint(grant, ENTRIES).await.unwrap();
        waits.push(began.elapsed());
    }
    waits.sort();
    (waits[OTHERS - 1], waits[OTHERS / 2])
}

const ENTRIES: Wish<'_> = Wish { service: "ledger", scope: "read:entries", ..READ };
const OTHERS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_at_a_hundred_times_its_rate_keeps_no_other_from_its_nonces() {
    let stage = stage("rate = \"10/m\"").await;
    let grant = stage.agent.grant().await;
    let other = stage.other_agent.grant().await;
    let alone = waits(&stage, &other).await;
    let noisy = async {
        let asked = (0..1000).map(|_| stage.agent.try_mint(&grant, READ));
        let asked = stream::iter(asked).buffer_unordered(8).collect::<Vec<_>>().await;
        asked.into_iter().flatten().count()
    };
    // Every nonce of the other agent is there, however many are refused to the noisy one.
    let (minted, beside) = tokio::join!(noisy, waits(&stage, &other));
    assert_eq!(minted, 9, "the grant was the tenth of this minute");
    assert_eq!(stage.audit_of("refusal").len(), 991);
    println!("waits of another agent, (longest, middle): alone {alone:?}, beside it {beside:?}");
}
