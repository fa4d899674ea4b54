//! Hours over HTTP: a grant that holds at some times alone, at the borders of them.

use std::time::Duration;

use agentcred_protocol::clock::Clock as _;
use agentcred_protocol::refusal::RefusalCode;

use crate::agent::{READ, Wish, broker_refusal};
use crate::stage::Stage;
use crate::upstream::{Upstream, json};

/// A stage, whose clock stands at Friday 2027-01-15, 08:00 UTC, with these hours for customers.
async fn stage(hours: &str) -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    let bounds = format!("max_ttl = \"5m\", hours = {{ {hours} }} }}");
    let edit = |policy: String| policy.replace("max_ttl = \"5m\" }", &bounds);
    Stage::with_policy(upstream, |policy, _| edit(policy)).await
}

#[tokio::test]
async fn a_nonce_is_minted_within_the_hours_and_ends_with_them() {
    // Nine o'clock in Berlin.
    let hours = "days = \"mon-fri\", from = \"09:00\", to = \"09:01\", zone = \"Europe/Berlin\"";
    let stage = stage(hours).await;
    let grant = stage.agent.grant().await;
    let nonce = stage.agent.try_mint(&grant, Wish { uses: 2, ..READ }).await.unwrap().token;
    stage.clock.advance(Duration::from_millis(59_999));
    stage.agent.try_mint(&grant, READ).await.unwrap();
    assert_eq!(stage.agent.get(&nonce, "/egress/stripe/v1/customers").await.status(), 200);

    stage.clock.advance(Duration::from_millis(1));
    let refused = stage.agent.try_mint(&grant, READ).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::AccessDenied);
    assert_eq!(stage.last_reason(), "outside_hours");
    let refused = stage.agent.get(&nonce, "/egress/stripe/v1/customers").await;
    assert_eq!(broker_refusal(refused).await.code, RefusalCode::InsufficientScope);
    assert_eq!(stage.last_reason(), "granted_no_more");
    assert_eq!(stage.upstream.arrived().len(), 1);
    // What has no hours is granted still.
    let entries = Wish { service: "ledger", scope: "read:entries", ..READ };
    stage.agent.try_mint(&grant, entries).await.unwrap();
}

#[tokio::test]
async fn a_window_opens_on_its_day_to_the_millisecond() {
    let stage = stage("days = \"sat\", from = \"00:00\", to = \"24:00\"").await;
    let start = stage.clock.now();
    stage.clock.advance(Duration::from_millis(16 * 3_600_000 - 1));
    let grant = stage.agent.grant().await;
    let refused = stage.agent.try_mint(&grant, READ).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::AccessDenied);
    stage.clock.advance(Duration::from_millis(1));
    assert_eq!(stage.clock.now().since(start), Duration::from_hours(16));
    stage.agent.try_mint(&grant, READ).await.unwrap();
}
