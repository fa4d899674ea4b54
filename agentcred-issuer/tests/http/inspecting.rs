//! Introspection and consumption: what an internal service learns of a nonce that it was shown.

use std::sync::Arc;

use agentcred_protocol::key::SigningKey;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::{revoke_nonce_form, task_form};
use agentcred_protocol::token::NonceToken;
use aws_lc_rs::rand::SystemRandom;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::agent::{Agent, READ, Wish, refusal};
use crate::stage::Stage;
use crate::upstream::{Upstream, json};

const INACTIVE: &str = r#"{"active":false}"#;
const ENTRIES: Wish<'_> = Wish { service: "ledger", scope: "read:entries", ttl: 300, uses: 2 };

/// A stage with two resource servers, one for each service.
pub(crate) async fn stage() -> (Stage, Agent, Agent) {
    let (stripe, ledger) = (SigningKey::ephemeral().unwrap(), SigningKey::ephemeral().unwrap());
    let upstream = Upstream::answering(json("{}")).await;
    let stage = Stage::with_policy(upstream, |policy, folder| {
        for (name, key) in [("stripe-gate", &stripe), ("ledger-gate", &ledger)] {
            let jwk = serde_json::to_string(key.public()).unwrap();
            std::fs::write(folder.join(format!("{name}.jwk")), jwk).unwrap();
        }
        policy
            + r#"
            [resource_servers.stripe-gate]
            keys = ["stripe-gate.jwk"]
            services = ["stripe"]
            [resource_servers.ledger-gate]
            keys = ["ledger-gate.jwk"]
            services = ["ledger"]
            "#
    })
    .await;
    let server =
        |name, key| Agent::new(name, key, stage.agent.issuer.clone(), Arc::clone(&stage.clock));
    let (stripe, ledger) = (server("stripe-gate", stripe), server("ledger-gate", ledger));
    (stage, stripe, ledger)
}

/// The form of a question. What a nonce's own form of revocation says is `token=..`.
pub(crate) fn form(server: &Agent, nonce: &NonceToken) -> String {
    question(server, &revoke_nonce_form(nonce))
}

fn question(server: &Agent, token: &str) -> String {
    let client = task_form(&server.assertion(), &"t".parse().unwrap());
    let client: Vec<_> = client.split('&').filter(|it| it.starts_with("client_")).collect();
    format!("{}&{token}", client.join("&"))
}

async fn text(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.text().await.unwrap()
}

async fn ask(server: &Agent, endpoint: &str, nonce: &NonceToken) -> String {
    text(server.post(endpoint, form(server, nonce), None).await).await
}

#[tokio::test]
async fn a_live_nonce_is_described_and_not_spent() {
    let (stage, server, _) = stage().await;
    let nonce = stage.agent.mint(READ).await;
    for _ in 0..2 {
        let said: Value = serde_json::from_str(&ask(&server, "/introspect", &nonce).await).unwrap();
        assert_eq!(said["active"], true);
        assert_eq!(said["client_id"], "billing");
        assert_eq!(said["aud"], "stripe");
        assert_eq!(said["scope"], "read:customers");
        assert_eq!(said["iss"], stage.agent.issuer.as_str());
        assert_eq!(said["cnf"]["jkt"], stage.agent.proof_key.thumbprint().as_str());
        assert_eq!(said["authorization_details"][0]["tool"], "find_customers");
    }
    assert_eq!(stage.agent.get(&nonce, "/egress/stripe/v1/customers").await.status(), 200);
    assert_eq!(stage.audit_of("introspect").len(), 2);
    assert_eq!(stage.audit_of("introspect")[0]["by"], "stripe-gate");
}

#[tokio::test]
async fn a_nonce_is_consumed_as_often_as_it_may_be_used_and_audited_each_time() {
    let (stage, _, server) = stage().await;
    let nonce = stage.agent.mint(ENTRIES).await;
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(ask(&server, "/consume", &nonce).await);
    }
    assert!(said[..2].iter().all(|said| said.starts_with(r#"{"active":true"#)), "{said:?}");
    assert_eq!(said[2], INACTIVE);
    assert_eq!(ask(&server, "/introspect", &nonce).await, INACTIVE);
    let consumed = stage.audit_of("consume");
    assert_eq!(consumed.len(), 2);
    assert_eq!(
        (&consumed[0]["by"], &consumed[0]["tool"]),
        (&json!("ledger-gate"), &json!("find_customers"))
    );
    assert_eq!(stage.last_reason(), "spent");
}

#[tokio::test]
async fn of_many_who_consume_at_once_one_succeeds() {
    let (stage, server, _) = stage().await;
    let nonce = stage.agent.mint(READ).await;
    let asking = (0..32).map(|_| ask(&server, "/consume", &nonce));
    let said = futures_util::future::join_all(asking).await;
    assert_eq!(said.iter().filter(|said| *said != INACTIVE).count(), 1);
    assert_eq!(stage.audit_of("consume").len(), 1);
}

#[tokio::test]
async fn what_is_not_live_or_not_ones_own_is_inactive_alike() {
    let (stage, server, other) = stage().await;
    let unknown = NonceToken::mint(&SystemRandom::new()).unwrap();
    let revoked = stage.agent.mint(READ).await;
    stage.agent.post("/revoke", revoke_nonce_form(&revoked).to_string(), None).await;
    let used = stage.agent.mint(READ).await;
    stage.agent.get(&used, "/egress/stripe/v1/customers").await;
    let live = stage.agent.mint(READ).await;
    let expired = stage.agent.mint(Wish { ttl: 1, ..READ }).await;
    stage.clock.advance(std::time::Duration::from_secs(1));
    for endpoint in ["/introspect", "/consume"] {
        for (nonce, reason) in
            [(&unknown, "unknown"), (&revoked, "revoked"), (&used, "spent"), (&expired, "expired")]
        {
            assert_eq!(ask(&server, endpoint, nonce).await, INACTIVE);
            assert_eq!(stage.last_reason(), reason);
        }
        assert_eq!(ask(&other, endpoint, &live).await, INACTIVE);
        assert_eq!(stage.last_reason(), "nonce_for_another_service");
        let garbage = question(&server, "token=canary");
        assert_eq!(text(server.post(endpoint, garbage, None).await).await, INACTIVE);
    }
    // All this time the live one was live.
    assert_ne!(ask(&server, "/consume", &live).await, INACTIVE);
}

#[tokio::test]
async fn only_a_resource_server_may_ask() {
    let (stage, server, other) = stage().await;
    let nonce = stage.agent.mint(READ).await;
    let replayed = form(&server, &nonce);
    server.post("/introspect", replayed.clone(), None).await;
    let someone = |question: String, from: &str, to: &str| question.replace(from, to);
    for endpoint in ["/introspect", "/consume"] {
        for (form, reason) in [
            (form(&stage.agent, &nonce), "unknown_resource_server"),
            (replayed.clone(), "assertion_replayed"),
            (form(&server, &nonce) + "&client_id=ledger-gate", "unknown_resource_server"),
            (
                someone(form(&other, &nonce), "client_assertion=", "client_assertion=a"),
                "assertion_invalid",
            ),
            (revoke_nonce_form(&nonce).to_string(), "malformed"),
        ] {
            let refused = refusal(stage.agent.post(endpoint, form, None).await).await;
            assert_eq!(refused.code, RefusalCode::InvalidClient, "{reason}");
            assert_eq!(stage.last_reason(), reason);
        }
    }
    assert_eq!(stage.agent.get(&nonce, "/egress/stripe/v1/customers").await.status(), 200);
}
