//! Clients of others: they name keys as they like, have several, and replace them.

use agentcred_protocol::clock::Clock as _;
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::request::task_form;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::agent::READ;
use crate::foreign::Signer;
use crate::stage::Stage;
use crate::upstream::{Upstream, json};

/// A stage on which `billing` has these keys.
async fn stage(keys: &[&Signer]) -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    Stage::with_policy(upstream, |policy, folder| {
        let names: Vec<_> = (0..keys.len()).map(|number| format!("{number}.jwk")).collect();
        for (name, key) in names.iter().zip(keys) {
            std::fs::write(folder.join(name), key.public().to_string()).unwrap();
        }
        policy.replace(r#"["billing.jwk"]"#, &format!("{names:?}"))
    })
    .await
}

fn claims(stage: &Stage) -> Value {
    json!({
        "iss": "billing", "sub": "billing", "aud": stage.agent.issuer, "jti": stage.agent.new_id(),
        "exp": stage.clock.now().seconds() + 60,
    })
}

async fn ask(stage: &Stage, assertion: &str, more: &str) -> Response {
    let form = task_form(assertion, &"task-1".parse().unwrap());
    let proof = stage.agent.token_proof();
    stage.agent.post("/token", format!("{}{more}", &*form), Some(proof)).await
}

#[tokio::test]
async fn a_key_may_have_any_name_or_none() {
    let (named, nameless) = (Signer::named("my laptop"), Signer::nameless());
    let stage = stage(&[&named, &nameless]).await;
    for key in [&named, &nameless] {
        assert_eq!(ask(&stage, &key.sign(&claims(&stage)), "").await.status(), 200);
    }
    // The name of one key on the signature of the other is no lie that matters: a name is a hint.
    let mixed = nameless.sign_with(&named.header(), &claims(&stage));
    assert_eq!(ask(&stage, &mixed, "").await.status(), 200);
}

#[tokio::test]
async fn both_keys_are_good_while_one_replaces_the_other() {
    let (old, new) = (Signer::named("2026"), Signer::named("2027"));
    let overlap = stage(&[&old, &new]).await;
    for key in [&old, &new] {
        assert_eq!(ask(&overlap, &key.sign(&claims(&overlap)), "").await.status(), 200);
    }
    let after = stage(&[&new]).await;
    assert_eq!(ask(&after, &new.sign(&claims(&after)), "").await.status(), 200);
    let refused = ask(&after, &old.sign(&claims(&after)), "").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(after.last_reason(), "assertion_invalid");
}

#[tokio::test]
async fn a_client_id_must_be_the_one_that_is_proven() {
    let key = Signer::nameless();
    let stage = stage(&[&key]).await;
    assert_eq!(ask(&stage, &key.sign(&claims(&stage)), "&client_id=billing").await.status(), 200);
    let refused = ask(&stage, &key.sign(&claims(&stage)), "&client_id=other").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(stage.last_reason(), "client_id_is_not_the_subject");
}

#[tokio::test]
async fn an_extension_that_must_be_understood_is_refused() {
    let key = Signer::nameless();
    let stage = stage(&[&key]).await;
    let mut header = key.header();
    header.crit = Some(vec!["exp".to_owned()]);
    let refused = ask(&stage, &key.sign_with(&header, &claims(&stage)), "").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

/// The key of RFC 8037 appendix A, which signs by Ed25519.
const EDWARDS: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[tokio::test]
async fn agents_sign_by_either_algorithm_assertions_and_proofs_alike() {
    for (key, proof_key) in [
        (SigningKey::ephemeral().unwrap(), SigningKey::read(EDWARDS).unwrap()),
        (SigningKey::read(EDWARDS).unwrap(), SigningKey::ephemeral().unwrap()),
    ] {
        assert_ne!(key.algorithm(), proof_key.algorithm());
        let upstream = Upstream::answering(json("{}")).await;
        let mut stage = Stage::with_policy(upstream, |policy, folder| {
            std::fs::write(folder.join("billing.jwk"), json!(key.public()).to_string()).unwrap();
            policy
        })
        .await;
        (stage.agent.key, stage.agent.proof_key) = (key, proof_key);
        let nonce = stage.agent.mint(READ).await;
        assert_eq!(stage.agent.get(&nonce, "/egress/stripe/v1/customers").await.status(), 200);
    }
}
