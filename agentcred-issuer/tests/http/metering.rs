//! What operators measure: true counts, no word of a stranger, and readiness that names what fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentcred_issuer::audit::FileAudit;
use http::Method;
use reqwest::StatusCode;
use serde_json::json;

use crate::agent::{READ, Wish};
use crate::auditing::Failing;
use crate::operating::{Operator, stage_before, stage_with};
use crate::raw::RawClient;
use crate::stage::{REAL_KEY, Stage};
use crate::upstream::{Upstream, answer};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

/// The value of one line, and 0 when the line is not there yet.
fn value(metrics: &str, line: &str) -> u64 {
    let values = metrics.lines().filter_map(|it| it.strip_prefix(line)?.strip_prefix(' '));
    values.map(|value| value.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn what_happens_is_counted_by_names_of_the_policy() {
    let (stage, operator) = stage_with("", |policy| policy).await;
    let nonce = stage.agent.mint(Wish { uses: 3, ..READ }).await;
    for path in [CUSTOMERS, &format!("{CUSTOMERS}/cus_1"), &format!("{CUSTOMERS}/a/b")] {
        drop(stage.agent.get(&nonce, path).await);
    }
    drop(stage.agent.mint(Wish { scope: "read:customers write:refunds", ..READ }).await);
    assert!(stage.other_agent.try_mint(&stage.other_agent.grant().await, READ).await.is_err());
    let metrics = operator.scrape().await;
    for (line, count) in [
        ("agentcred_tasks_total", 3),
        ("agentcred_mints_total{service=\"stripe\",scope=\"read:customers\"}", 2),
        ("agentcred_mints_total{service=\"stripe\",scope=\"write:refunds\"}", 1),
        ("agentcred_uses_total{service=\"stripe\",scope=\"read:customers\"}", 2),
        ("agentcred_answers_total{service=\"stripe\",outcome=\"2xx\"}", 2),
        ("agentcred_refusals_total{endpoint=\"broker\",code=\"insufficient_scope\"}", 1),
        ("agentcred_refusals_total{endpoint=\"token\",code=\"invalid_target\"}", 1),
        ("agentcred_audit_failures_total", 0),
        ("agentcred_audit_write_seconds_count", stage.audit().len() as u64),
    ] {
        assert_eq!(value(&metrics, line), count, "{line}\n{metrics}");
    }
    assert!(value(&metrics, "agentcred_connections{listener=\"agents\"}") > 0);
    assert!(value(&metrics, "agentcred_connections{listener=\"operators\"}") > 0);
    assert!(metrics.ends_with("# EOF\n"));
}

/// Sends a canary by every way that there is into an issuer.
async fn send_canaries(stage: &Stage, operator: &Operator) {
    let agent = &stage.agent;
    let grant = agent.try_grant("canary-task").await.unwrap();
    let asked = agent.nonce_form(&grant, Wish { uses: 9, ..READ });
    let asked = asked.replace("find_customers", "canary_tool").replace("call_1", "canary-call");
    let minted = agent.post("/token", asked.clone(), Some(agent.token_proof())).await;
    assert_eq!(minted.status(), StatusCode::OK);
    let minted: serde_json::Value = minted.json().await.unwrap();
    let nonce = agentcred_protocol::token::NonceToken::parse(
        minted["access_token"].as_str().unwrap().to_owned(),
    )
    .unwrap();
    for path in ["/canary", "?canary=canary", "?email=canary", "/a/canary", "%63anary"] {
        drop(agent.get(&nonce, &format!("{CUSTOMERS}{path}")).await);
    }
    drop(agent.send(&nonce, Method::from_bytes(b"CANARY").unwrap(), CUSTOMERS).await);
    let with_headers = agent
        .request(&nonce, &Method::GET, CUSTOMERS)
        .header("stripe-version", "canary")
        .header("x-canary", "canary")
        .header("traceparent", "canary");
    drop(with_headers.send().await.unwrap());
    for (from, to) in [
        ("audience=stripe", "audience=canary-service"),
        ("scope=read%3Acustomers", "scope=canary%3Ascope"),
        ("canary_tool", "canary%20tool"),
        ("grant_type=", "canary=canary&grant_type="),
        ("subject_token=", "subject_token=canary"),
    ] {
        assert!(asked.contains(from), "{from} in {asked}");
        let form = asked.replacen(from, to, 1);
        drop(agent.post("/token", form, Some(agent.token_proof())).await);
    }
    let client = "grant_type=client_credentials&client_id=canary&client_assertion=canary";
    drop(agent.post("/token", client.to_owned(), None).await);
    drop(agent.post("/revoke", "token=canary".to_owned(), None).await);
    drop(agent.post("/canary", String::new(), None).await);
    drop(agent.http.get(agent.url("/egress/canary/canary")).send().await);
    let mut raw = RawClient::connect(&agent.issuer).await;
    drop(raw.exchange(b"CANARY /canary HTTP/1.1\r\nhost: canary\r\ncanary: canary\r\n\r\n").await);
    operator.post("/revoke", &json!({ "nonce": "canary" })).await;
    operator.post("/approvals/canary/approve", &json!({ "canary": 1 })).await;
    let stranger = stage.agent.http.get(format!("{}/canary?canary", operator.at()));
    drop(stranger.header("authorization", "Bearer canary").send().await.unwrap());
    assert!(stage.audit_text().contains("canary"), "nothing arrived");
}

fn holds_a_canary(metrics: &str) -> bool {
    metrics.to_lowercase().contains("canary") || metrics.contains(REAL_KEY)
}

// Leak channel 32, control within.
#[tokio::test]
async fn no_word_of_an_agent_or_an_upstream_becomes_a_label() {
    let echo = answer("499 canary", &[("x-canary", REAL_KEY)], "\"canary\"");
    let (stage, operator) = stage_before(Upstream::answering(echo).await, |policy| policy).await;
    send_canaries(&stage, &operator).await;
    let metrics = operator.scrape().await;
    assert!(!holds_a_canary(&metrics), "{metrics}");
    assert!(
        value(&metrics, "agentcred_refusals_total{endpoint=\"broker\",code=\"invalid_token\"}") > 0
    );
    let before = metrics.lines().count();
    send_canaries(&stage, &operator).await;
    assert_eq!(operator.scrape().await.lines().count(), before, "series grow with traffic");
    // The control: where the policy itself has the word, the same search finds it.
    let named = |policy: String| policy.replace("read:customers", "read:canary");
    let (stage, operator) = stage_with("", named).await;
    drop(stage.agent.mint(Wish { scope: "read:canary", ..READ }).await);
    assert!(holds_a_canary(&operator.scrape().await));
}

#[tokio::test]
async fn readiness_names_the_key_that_cannot_be_had() {
    let (stage, operator) = stage_with("", |policy| policy).await;
    let ready = (StatusCode::OK, json!({ "status": "ready", "failing": [] }));
    assert_eq!(operator.get("/readyz").await, ready);
    std::fs::remove_file(stage.folder().join("stripe.key")).unwrap();
    // What is kept of it is good for its time.
    assert_eq!(operator.get("/readyz").await, ready);
    stage.clock.advance(Duration::from_mins(10));
    let failing = json!(["services.ledger.secret", "services.stripe.secret"]);
    let (status, answer) = operator.get("/readyz").await;
    assert_eq!((status, &answer["failing"]), (StatusCode::SERVICE_UNAVAILABLE, &failing));
    assert_eq!(operator.get("/healthz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn readiness_says_that_the_audit_fails_and_that_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let fails = Arc::new(AtomicBool::new(false));
    let audit = FileAudit::open(&folder.path().join("audit.jsonl")).unwrap();
    let failing = Failing { audit, fails: Arc::clone(&fails) };
    let (stage, operator) =
        crate::operating::stage_of(|parts| parts.audit = Some(Arc::new(failing))).await;
    assert_eq!(operator.get("/readyz").await.0, StatusCode::OK);
    fails.store(true, Ordering::SeqCst);
    assert!(stage.agent.try_grant("task-1").await.is_err());
    let (status, answer) = operator.get("/readyz").await;
    assert_eq!((status, &answer["failing"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(["audit"])));
    fails.store(false, Ordering::SeqCst);
    assert_eq!(operator.get("/readyz").await.0, StatusCode::OK);
    assert_eq!(operator.get("/readyz").await.0, StatusCode::OK);
    let audit = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    assert_eq!(audit.matches("\"resume\"").count(), 1);
    assert!(value(&operator.scrape().await, "agentcred_audit_failures_total") > 1);
}
