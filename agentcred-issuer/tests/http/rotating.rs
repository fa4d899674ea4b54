//! A real key that changes under load: no call fails, and an old key is soon gone for good.

use std::path::Path;
use std::sync::Arc;

use crate::agent::{READ, Wish};
use crate::stage::{Stage, write_private};
use crate::upstream::{Upstream, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_under_load_without_a_failed_call() {
    let rounds = std::env::var("AGENTCRED_ROTATIONS").map_or(10, |text| text.parse().unwrap());
    let stage = Arc::new(Stage::before(Upstream::answering(json("{}")).await).await);
    rotate(stage.folder(), 0);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let stage = stage.clone();
            tokio::spawn(async move {
                for version in 1..=rounds {
                    let nonce = stage.agent.mint(Wish { uses: CALLS, ..READ }).await;
                    for _ in 0..CALLS {
                        let response = stage.agent.get(&nonce, "/egress/stripe/v1/customers").await;
                        assert_eq!(response.status(), 200);
                    }
                    if caller == 0 {
                        rotate(stage.folder(), version);
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let nonce = stage.agent.mint(READ).await;
    assert_eq!(stage.agent.get(&nonce, "/egress/stripe/v1/customers").await.status(), 200);

    let arrived = stage.upstream.arrived();
    assert_eq!(arrived.len(), CALLERS * rounds * CALLS as usize + 1);
    let mut newest = 0;
    let mut late = vec![0_usize; rounds + 1];
    for request in &arrived {
        let version = version_of(request.header("authorization")[0]);
        newest = newest.max(version);
        late[newest] += usize::from(version < newest);
    }
    assert_eq!(newest, rounds);
    // Only what was under way while the key changed may still carry the one before.
    assert!(late.iter().all(|late| *late < CALLERS), "{late:?}");
}

/// Puts a new key in place of the old one at once, as deployments do.
fn rotate(folder: &Path, version: usize) {
    let new = folder.join("stripe.key.new");
    write_private(&new, &format!("sk_live_rotated_{version:08}\n"));
    std::fs::rename(new, folder.join("stripe.key")).unwrap();
}

fn version_of(authorization: &str) -> usize {
    authorization.strip_prefix("Bearer sk_live_rotated_").unwrap().parse().unwrap()
}

const CALLERS: usize = 8;
const CALLS: u32 = 10;
