//! A real key that changes under load: no call fails, and an old key is soon gone for good.

#![allow(clippy::print_stdout, reason = "a test says what it measured")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::Method;

use crate::agent::{READ, Wish};
use crate::stage::{REAL_KEY, Stage, write_private};
use crate::upstream::{Arrived, Upstream, answer, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

/// The stage's configuration with times for secrets.
fn keeping(policy: &str, cache: &str) -> String {
    format!("[secrets]\ncache = \"{cache}\"\noverlap = \"2s\"\n{policy}")
}

/// Rotates ten times a second for `AGENTCRED_ROTATION_SECONDS`. The upstream takes the newest
/// key and for a while those before it, as APIs do while a key is rolled.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_under_load_without_a_failed_call() {
    let seconds =
        std::env::var("AGENTCRED_ROTATION_SECONDS").map_or(2, |text| text.parse().unwrap());
    let newest = Arc::new(AtomicU64::new(0));
    let refused = Arc::new(AtomicU64::new(0));
    let (known, counted) = (Arc::clone(&newest), Arc::clone(&refused));
    let upstream = Upstream::start(move |request| {
        let version = version_of(request.header("authorization")[0]);
        if version + OVERLAP < known.load(Ordering::SeqCst) {
            counted.fetch_add(1, Ordering::SeqCst);
            return answer("401 Unauthorized", &[], "{}").into_bytes();
        }
        json("{}").into_bytes()
    });
    let stage = Stage::with_policy(upstream.await, |policy, folder| {
        rotate(folder, 0);
        keeping(&policy, "1s")
    });
    let stage = Arc::new(stage.await);
    let is_over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (stage, is_over) = (Arc::clone(&stage), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut calls = 0_usize;
                while !is_over.load(Ordering::SeqCst) {
                    let nonce = stage.agent.mint(Wish { uses: CALLS, ..READ }).await;
                    for _ in 0..CALLS {
                        let response = stage.agent.get(&nonce, CUSTOMERS).await;
                        assert_eq!(response.status(), 200);
                        calls += 1;
                    }
                }
                calls
            })
        })
        .collect();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut version = 0;
    while Instant::now() < end {
        ticks.tick().await;
        version += 1;
        rotate(stage.folder(), version);
        // What the broker keeps runs out only after the upstream has refused it for a while.
        if version % (OVERLAP + 5) == 0 {
            stage.clock.advance(Duration::from_secs(1));
        }
        newest.store(version, Ordering::SeqCst);
    }
    is_over.store(true, Ordering::SeqCst);
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.unwrap();
    }
    // Whatever was kept has run out now.
    stage.clock.advance(Duration::from_secs(3));
    let before = stage.upstream.arrived().len();
    let nonce = stage.agent.mint(Wish { uses: CALLS, ..READ }).await;
    for _ in 0..CALLS {
        assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    }
    let arrived = stage.upstream.arrived();
    let versions = arrived[before..].iter().map(|it| version_of(it.header("authorization")[0]));
    assert!(versions.into_iter().all(|it| it == version), "an old key outlives its time");
    let refused = refused.load(Ordering::SeqCst);
    println!(
        "{version} rotations in {seconds} s, {calls} calls, none failed, {refused} sent again"
    );
}

/// What an upstream that knows the key of this version answers.
fn only(version: u64) -> impl Fn(&Arrived) -> Vec<u8> + Send + Sync + 'static {
    move |request| match version_of(request.header("authorization")[0]) {
        it if it == version => json("{}").into_bytes(),
        _ => answer("401 Unauthorized", &[], "no").into_bytes(),
    }
}

async fn with_a_refused_key(cache: &'static str) -> Stage {
    let stage = Stage::with_policy(Upstream::start(only(2)).await, |policy, folder| {
        rotate(folder, 1);
        keeping(&policy, cache)
    });
    let stage = stage.await;
    let nonce = stage.agent.mint(READ).await;
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 401);
    stage
}

#[tokio::test]
async fn a_refused_key_is_asked_for_again_and_the_request_is_in_the_audit_twice() {
    let stage = with_a_refused_key("1h").await;
    stage.clock.advance(Duration::from_secs(2));
    rotate(stage.folder(), 2);
    let nonce = stage.agent.mint(READ).await;
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    let sent: Vec<_> = stage.upstream.arrived();
    let versions: Vec<_> =
        sent.iter().map(|it| version_of(it.header("authorization")[0])).collect();
    assert_eq!(versions, [1, 1, 2]);
    let uses = stage.audit_of("use");
    assert_eq!(uses.len(), 3);
    assert_eq!(uses[2]["again"], "new_key");
    assert!(uses[1].get("again").is_none());
    let statuses: Vec<_> =
        stage.audit_of("answer").iter().map(|it| it["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [401, 401, 200]);
    // From now on the new key is known.
    let nonce = stage.agent.mint(READ).await;
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    assert_eq!(stage.upstream.arrived().len(), 4);
}

#[tokio::test]
async fn a_key_that_did_not_change_is_refused_once_and_for_all() {
    let stage = with_a_refused_key("1h").await;
    stage.clock.advance(Duration::from_secs(2));
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.status(), 401);
    assert_eq!(response.text().await.unwrap(), "no");
    assert_eq!(stage.upstream.arrived().len(), 2);
}

#[tokio::test]
async fn a_request_that_changes_something_is_never_sent_twice() {
    let stage = with_a_refused_key("1h").await;
    stage.clock.advance(Duration::from_secs(2));
    rotate(stage.folder(), 2);
    let refund = Wish { scope: "write:refunds", ..READ };
    let nonce = stage.agent.mint(refund).await;
    let response = stage.agent.send(&nonce, Method::POST, "/egress/stripe/v1/refunds").await;
    assert_eq!(response.status(), 401);
    assert_eq!(stage.upstream.arrived().len(), 2);
    assert_eq!(stage.audit_of("use").len(), 2);
}

#[tokio::test]
async fn a_replaced_key_is_taken_out_of_answers_until_its_overlap_is_over() {
    let old = "sk_live_rotated_00000001";
    let stage = Stage::with_policy(Upstream::answering(json(old)).await, |policy, folder| {
        rotate(folder, 1);
        keeping(&policy, "1s")
    });
    let stage = stage.await;
    let read = async || {
        let nonce = stage.agent.mint(READ).await;
        stage.agent.get(&nonce, CUSTOMERS).await.text().await.unwrap()
    };
    assert_eq!(read().await, "[redacted]");
    write_private(&stage.folder().join("stripe.key"), REAL_KEY);
    stage.clock.advance(Duration::from_secs(1));
    // Replaced with this request, and known for two seconds more.
    assert_eq!(read().await, "[redacted]");
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(read().await, "[redacted]");
    // The control: what nobody looks for any more passes.
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(read().await, old);
}

/// Puts a new key in place of the old one at once, as deployments do.
fn rotate(folder: &Path, version: u64) {
    let new = folder.join("stripe.key.new");
    write_private(&new, &format!("sk_live_rotated_{version:08}\n"));
    std::fs::rename(new, folder.join("stripe.key")).unwrap();
}

fn version_of(authorization: &str) -> u64 {
    authorization.strip_prefix("Bearer sk_live_rotated_").unwrap().parse().unwrap()
}

/// For how many rotations the upstream takes a key after it was replaced: a second.
const OVERLAP: u64 = 10;
const CALLERS: usize = 8;
const CALLS: u32 = 10;
