//! The audit: it tells of every call, holds no secret, and without it nothing happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentcred_issuer::audit::{AuditError, AuditLog, FileAudit, Record};
use agentcred_protocol::refusal::{RETRYABLE_HEADER, RefusalCode};
use agentcred_protocol::request::revoke_nonce_form;
use async_trait::async_trait;
use http::Method;

use crate::agent::{READ, Wish, broker_refusal};
use crate::stage::{REAL_KEY, Stage};
use crate::upstream::{Upstream, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

#[tokio::test]
async fn a_call_can_be_followed_from_tool_to_upstream() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    let minted = stage.agent.try_mint(&grant, Wish { uses: 2, ..READ }).await.unwrap();
    let nonce_id = minted.details.nonce_id.as_str();
    let path = format!("{CUSTOMERS}?email=canary%40example.com");
    stage.agent.get(&minted.token, &path).await;
    stage.agent.send(&minted.token, Method::POST, CUSTOMERS).await;
    let events: Vec<_> = stage.audit().into_iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events, ["start", "task", "mint", "use", "answer", "refusal"]);
    for line in &stage.audit()[2..] {
        assert_eq!(line["agent"], "billing");
        assert_eq!(line["task"], "task-1");
        assert_eq!(line["tool"], "find_customers");
        assert_eq!(line["tool_call_id"], "call_1");
        assert_eq!(line["args_hash"], minted.details.args_hash.to_string());
        assert_eq!(line["nonce_id"], nonce_id);
        assert_eq!(line["service"], "stripe");
        assert_eq!(line["scope"], "read:customers");
        assert_eq!(line["time"], "2027-01-15T08:00:00.000Z");
    }
    assert_eq!(stage.audit()[3]["path"], "/v1/customers");
    assert_eq!(stage.audit()[3]["method"], "GET");
    assert_eq!(stage.audit()[4]["status"], 200);
    assert_eq!(stage.audit()[5]["error"], "insufficient_scope");
    assert_eq!(stage.audit()[5]["method"], "POST");
}

#[tokio::test]
async fn no_key_nonce_grant_or_query_value_is_in_it() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    let nonce = stage.agent.try_mint(&grant, Wish { uses: 4, ..READ }).await.unwrap().token;
    stage.agent.get(&nonce, &format!("{CUSTOMERS}?email=canary%40example.com")).await;
    stage.agent.get(&nonce, CUSTOMERS).await;
    // Not even when its caller makes it a part of a path, allowed or not.
    let header = nonce.authorization().unwrap();
    let (_, text) = header.to_str().unwrap().split_once(' ').unwrap();
    assert_eq!(stage.agent.get(&nonce, &format!("{CUSTOMERS}/{text}")).await.status(), 200);
    stage.agent.get(&nonce, &format!("/egress/stripe/v1/refunds/{text}")).await;
    assert_eq!(stage.audit_of("use")[2]["path"], "/v1/customers/[redacted]");
    assert_eq!(stage.audit_of("refusal")[0]["path"], "/v1/refunds/[redacted]");
    stage.agent.post("/revoke", revoke_nonce_form(&nonce).to_string(), None).await;
    let audit = stage.audit_text();
    for scrubber in [nonce.scrubber(), grant.scrubber()] {
        assert!(!scrubber.finds(audit.as_bytes()));
    }
    assert!(!audit.contains(REAL_KEY) && !audit.contains("canary"));
    // The control: the same search finds a nonce where one is.
    assert!(nonce.scrubber().finds(header.as_bytes()));
}

#[tokio::test]
async fn every_upstream_request_is_in_it() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(Wish { uses: 5, ..READ }).await;
    for path in ["", "/cus_1", "/cus_1/x", "?limit=2", "?no=1"] {
        stage.agent.get(&nonce, &format!("{CUSTOMERS}{path}")).await;
    }
    let answered = stage.audit_of("answer").iter().filter(|it| it["status"] == 200).count();
    assert_eq!(stage.upstream.arrived().len(), 3);
    assert_eq!(answered, 3);
    assert_eq!(stage.audit_of("use").len(), 3);
    assert_eq!(stage.audit_of("refusal").len(), 2);
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_no_request_without_an_end() {
    let stage = Stage::with(Upstream::hanging_after("").await, |parts| {
        parts.limits.upstream_time = Duration::from_secs(1);
    });
    let stage = stage.await;
    let nonce = stage.agent.mint(READ).await;
    let arriving = async {
        while stage.upstream.arrived().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = arriving => {}
        _ = stage.agent.get(&nonce, CUSTOMERS) => panic!("it was answered"),
    }
    while !stage.audit_text().contains("\"answer\"") {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.audit_of("answer")[0]["outcome"], "lost");
}

/// A file that cannot be written for a while.
#[derive(Debug)]
pub(crate) struct Failing {
    pub(crate) audit: FileAudit,
    pub(crate) fails: Arc<AtomicBool>,
}

#[async_trait]
impl AuditLog for Failing {
    async fn append(&self, record: Record) -> Result<(), AuditError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(AuditError);
        }
        self.audit.append(record).await
    }
}

#[tokio::test]
async fn when_it_cannot_be_written_nothing_is_issued_or_brokered() {
    let folder = tempfile::tempdir().unwrap();
    let fails = Arc::new(AtomicBool::new(false));
    let audit = FileAudit::open(&folder.path().join("audit.jsonl")).unwrap();
    let failing = Failing { audit, fails: Arc::clone(&fails) };
    let upstream = Upstream::answering(json("{}")).await;
    let stage = Stage::with(upstream, |parts| parts.audit = Some(Arc::new(failing))).await;
    let grant = stage.agent.grant().await;
    let nonce = stage.agent.try_mint(&grant, Wish { uses: 2, ..READ }).await.unwrap().token;

    fails.store(true, Ordering::SeqCst);
    let unavailable = RefusalCode::TemporarilyUnavailable;
    assert_eq!(stage.agent.try_grant("task-2").await.unwrap_err().code, unavailable);
    // What was not handed out does not count as live: the stage allows 100 of a task.
    for _ in 0..100 {
        assert_eq!(stage.agent.try_mint(&grant, READ).await.unwrap_err().code, unavailable);
    }
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert!(!response.headers().contains_key(RETRYABLE_HEADER));
    assert_eq!(broker_refusal(response).await.code, unavailable);
    assert!(stage.upstream.arrived().is_empty());

    fails.store(false, Ordering::SeqCst);
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    assert_eq!(stage.upstream.arrived().len(), 1);
    assert!(stage.agent.try_mint(&grant, READ).await.is_ok());
}

#[tokio::test]
async fn a_restart_goes_on_with_the_chain_and_knows_no_old_nonce() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    let lines = stage.audit().len();
    let stage = stage.restart().await;
    let audit = stage.audit();
    assert_eq!(audit.len(), lines + 1);
    assert_ne!(audit[0]["epoch"], audit[lines]["epoch"]);
    let refused = broker_refusal(stage.agent.get(&nonce, CUSTOMERS).await).await;
    assert_eq!(refused.code, RefusalCode::InvalidToken);
    assert_eq!(stage.last_reason(), "unknown");
}
