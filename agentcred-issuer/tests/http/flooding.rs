//! A flood of refusals fills no disk: strangers' are summed up, and nobody else's are.

use std::time::Duration;

use agentcred_protocol::refusal::RefusalCode;

use crate::agent::{READ, Wish};
use crate::stage::Stage;
use crate::upstream::{Upstream, json};

const WRITTEN: u32 = 20;

async fn stage() -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    Stage::with(upstream, |parts| parts.limits.stranger_refusals = WRITTEN).await
}

/// Requests of somebody who proves nothing.
async fn flood(stage: &Stage, requests: u32) {
    for _ in 0..requests {
        let refused = stage.agent.post("/token", "grant_type=canary".to_owned(), None).await;
        assert_eq!(refused.status(), 400);
    }
}

#[tokio::test]
async fn strangers_have_some_lines_a_minute_and_a_sum() {
    let stage = stage().await;
    let grant = stage.agent.grant().await;
    flood(&stage, WRITTEN + 500).await;
    assert_eq!(stage.audit_of("refusal").len(), WRITTEN as usize);
    assert!(stage.audit_of("refusals_dropped").is_empty());
    // The control: refusals of an agent in the midst of it are all there, however many.
    let unknown = Wish { scope: "read:nothing", ..READ };
    for _ in 0..2 * WRITTEN {
        let refused = stage.agent.try_mint(&grant, unknown).await.unwrap_err();
        assert_eq!(refused.code, RefusalCode::InvalidScope);
    }
    let of_agent = |stage: &Stage| {
        let refusals = stage.audit_of("refusal");
        refusals.iter().filter(|it| it["agent"] == "billing").count()
    };
    assert_eq!(of_agent(&stage), 2 * WRITTEN as usize);

    // Whatever is recorded next, the sum stands before it.
    stage.clock.advance(Duration::from_mins(1));
    stage.agent.try_mint(&grant, READ).await.unwrap();
    let [sum] = &stage.audit_of("refusals_dropped")[..] else { panic!("one sum") };
    assert_eq!(sum["count"], 500);
    assert_eq!(sum["from"], "2027-01-15T08:00:00.000Z");
    assert_eq!(sum["to"], "2027-01-15T08:00:00.000Z");

    // The next minute has lines again, and its sum is written at the end if not before.
    flood(&stage, WRITTEN + 1).await;
    let audit = stage.server.audit_file().to_owned();
    let Stage { server, .. } = stage;
    server.shutdown().await;
    let text = std::fs::read_to_string(audit).unwrap();
    assert_eq!(text.matches(r#""reason":"malformed""#).count(), 2 * WRITTEN as usize);
    assert!(text.lines().last().unwrap().contains(r#""event":"refusals_dropped","count":1,"#));
}
