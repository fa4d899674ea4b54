//! The token endpoint: who gets a grant, and which nonces a grant gives.

use std::time::Duration;

use agentcred_protocol::assertion;
use agentcred_protocol::clock::Clock as _;
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::task_form;
use agentcred_protocol::token::GrantToken;
use aws_lc_rs::rand::SystemRandom;
use reqwest::StatusCode;

use crate::agent::{READ, Refusal, Wish, refusal};
use crate::stage::Stage;

const BAD_REQUEST: StatusCode = StatusCode::BAD_REQUEST;
const INVALID_CLIENT: Refusal =
    Refusal { status: StatusCode::UNAUTHORIZED, code: RefusalCode::InvalidClient };
const INVALID_PROOF: Refusal = Refusal { status: BAD_REQUEST, code: RefusalCode::InvalidDpopProof };

fn refused(code: RefusalCode) -> Refusal {
    Refusal { status: code.status(), code }
}

/// Asks for a task grant with this assertion.
async fn ask_with(stage: &Stage, assertion: &str) -> Refusal {
    let form = task_form(assertion, &"task-1".parse().unwrap()).to_string();
    let proof = stage.agent.token_proof();
    refusal(stage.agent.post("/token", form, Some(proof)).await).await
}

#[tokio::test]
async fn an_assertion_is_good_once() {
    let stage = Stage::set().await;
    let assertion = stage.agent.assertion();
    let form = task_form(&assertion, &"task-1".parse().unwrap()).to_string();
    let proof = stage.agent.token_proof();
    let response = stage.agent.post("/token", form, Some(proof)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(ask_with(&stage, &assertion).await, INVALID_CLIENT);
    assert_eq!(stage.last_reason(), "assertion_replayed");
}

#[tokio::test]
async fn an_assertion_that_proves_nothing_is_refused() {
    let stage = Stage::set().await;
    let agent = &stage.agent;
    let (now, id) = (stage.clock.now(), agent.id.parse().unwrap());
    let stranger = SigningKey::ephemeral().unwrap();
    let other_issuer = "https://vault.example/".parse().unwrap();
    let later = now + Duration::from_mins(10);
    let other_id = "other".parse().unwrap();
    let sign = |key, agent, issuer, now| assertion::sign(key, agent, issuer, "id", now).unwrap();
    // Another agent's name with one's own key, which the policy knows.
    let other_name = sign(&agent.key, &other_id, &agent.issuer, now);
    let changed = {
        let text = agent.assertion();
        let (head, signature) = text.rsplit_once('.').unwrap();
        let last = if signature.ends_with('A') { 'Q' } else { 'A' };
        format!("{head}.{}{last}", &signature[..signature.len() - 1])
    };
    for assertion in [
        sign(&stranger, &id, &agent.issuer, now),
        other_name,
        sign(&agent.key, &id, &other_issuer, now),
        sign(&agent.key, &id, &agent.issuer, later),
        changed,
        "a.b.c".to_owned(),
        String::new(),
    ] {
        assert_eq!(ask_with(&stage, &assertion).await, INVALID_CLIENT, "{assertion}");
    }
    let old = agent.assertion();
    stage.clock.advance(Duration::from_mins(2));
    assert_eq!(ask_with(&stage, &old).await, INVALID_CLIENT);
}

#[tokio::test]
async fn an_assertion_without_a_signature_is_refused() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let stage = Stage::set().await;
    let signed = stage.agent.assertion();
    let claims = signed.split('.').nth(1).unwrap();
    let kid = stage.agent.key.thumbprint().as_str();
    for header in [
        format!(r#"{{"alg":"none","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#),
    ] {
        let unsigned = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header));
        assert_eq!(ask_with(&stage, &unsigned).await, INVALID_CLIENT);
    }
}

#[tokio::test]
async fn a_task_needs_a_proof() {
    let stage = Stage::set().await;
    let form = || task_form(&stage.agent.assertion(), &"task-1".parse().unwrap()).to_string();
    let proof = stage.agent.token_proof();
    let first = stage.agent.post("/token", form(), Some(proof.clone())).await;
    assert_eq!(first.status(), 200);
    let replayed = stage.agent.post("/token", form(), Some(proof)).await;
    assert_eq!(refusal(replayed).await, INVALID_PROOF);
    let missing = stage.agent.post("/token", form(), None).await;
    assert_eq!(refusal(missing).await, INVALID_PROOF);
}

#[tokio::test]
async fn a_nonce_needs_a_fresh_proof_by_the_key_of_its_task() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    let form = || stage.agent.nonce_form(&grant, READ);
    let stolen = stage.other_agent.try_mint(&grant, READ).await.unwrap_err();
    assert_eq!(stolen, INVALID_PROOF);
    let proof = stage.agent.token_proof();
    assert_eq!(stage.agent.post("/token", form(), Some(proof.clone())).await.status(), 200);
    let replayed = stage.agent.post("/token", form(), Some(proof)).await;
    assert_eq!(refusal(replayed).await, INVALID_PROOF);
    let missing = stage.agent.post("/token", form(), None).await;
    assert_eq!(refusal(missing).await, INVALID_PROOF);
}

#[tokio::test]
async fn the_answer_says_what_was_granted() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    let wish = Wish { ttl: 3600, uses: 7, ..READ };
    let answer = stage.agent.try_mint(&grant, wish).await.unwrap();
    assert_eq!(answer.expires_in, 300);
    assert_eq!(answer.scope.to_string(), "read:customers");
    assert_eq!(answer.details.num_uses.count(), 7);
    assert_eq!(answer.details.tool.as_str(), "find_customers");
    assert_eq!(stage.audit_of("mint")[0]["nonce_id"], answer.details.nonce_id.as_str());
    let short = stage.agent.try_mint(&grant, Wish { ttl: 2, ..READ }).await.unwrap();
    assert_eq!(short.expires_in, 2);
}

#[tokio::test]
async fn what_the_policy_does_not_grant_is_refused_by_its_code() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    for (wish, code) in [
        (Wish { service: "nowhere", ..READ }, RefusalCode::InvalidTarget),
        (Wish { scope: "write:payouts", ..READ }, RefusalCode::InvalidScope),
        (Wish { scope: "read:customers write:payouts", ..READ }, RefusalCode::InvalidScope),
        (Wish { scope: "no:such", ..READ }, RefusalCode::InvalidScope),
        (Wish { uses: 101, ..READ }, RefusalCode::InvalidAuthorizationDetails),
    ] {
        assert_eq!(stage.agent.try_mint(&grant, wish).await.unwrap_err(), refused(code));
    }
    assert_eq!(stage.audit_of("mint").len(), 0);
    let refusal = &stage.audit_of("refusal")[1];
    assert_eq!(refusal["agent"], "billing");
    assert_eq!(refusal["service"], "stripe");
    assert_eq!(refusal["scope"], "write:payouts");
}

#[tokio::test]
async fn another_agent_gets_only_what_it_is_granted() {
    let stage = Stage::set().await;
    let grant = stage.other_agent.grant().await;
    let entries = Wish { service: "ledger", scope: "read:entries", ..READ };
    assert!(stage.other_agent.try_mint(&grant, entries).await.is_ok());
    let refusal = stage.other_agent.try_mint(&grant, READ).await.unwrap_err();
    assert_eq!(refusal, refused(RefusalCode::InvalidTarget));
}

#[tokio::test]
async fn the_resource_must_be_that_of_the_audience() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    let form =
        stage.agent.nonce_form(&grant, READ).replace("%2Fegress%2Fstripe", "%2Fegress%2Fledger");
    let response = stage.agent.post("/token", form, Some(stage.agent.token_proof())).await;
    assert_eq!(refusal(response).await, refused(RefusalCode::InvalidTarget));
}

#[tokio::test]
async fn a_grant_that_never_was_or_is_over_gives_nothing() {
    let stage = Stage::set().await;
    let unknown = GrantToken::mint(&SystemRandom::new()).unwrap();
    let refusal = stage.agent.try_mint(&unknown, READ).await.unwrap_err();
    assert_eq!(refusal, refused(RefusalCode::InvalidGrant));
    let grant = stage.agent.grant().await;
    stage.clock.advance(Duration::from_hours(12));
    let refusal = stage.agent.try_mint(&grant, READ).await.unwrap_err();
    assert_eq!(refusal, refused(RefusalCode::InvalidGrant));
}

#[tokio::test]
async fn a_task_has_no_more_live_nonces_than_the_policy_says() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    for _ in 0..100 {
        assert!(stage.agent.try_mint(&grant, READ).await.is_ok());
    }
    let refusal = stage.agent.try_mint(&grant, READ).await.unwrap_err();
    assert_eq!(refusal, refused(RefusalCode::SlowDown));
    stage.clock.advance(Duration::from_mins(5));
    assert!(stage.agent.try_mint(&grant, READ).await.is_ok());
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let stage = Stage::set().await;
    let url = stage.agent.url("/token");
    let invalid = refused(RefusalCode::InvalidRequest);
    let json = stage.agent.http.post(url.clone()).json(&serde_json::json!({})).send();
    assert_eq!(refusal(json.await.unwrap()).await, invalid);
    let large = stage.agent.post("/token", "a=b&".repeat(20_000), None).await;
    assert_eq!(refusal(large).await, invalid);
    let get = stage.agent.http.get(url).send().await.unwrap();
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
}
