//! Agents for whom a platform vouches: a token in a file, good until it ends, bound by the proof alone.

use std::time::Duration;

use agentcred_protocol::assertion::{ASSERTION_TYPE, SPIFFE_ASSERTION_TYPE};
use agentcred_protocol::clock::Clock as _;
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::task_form;
use agentcred_protocol::token::GrantToken;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::agent::{Agent, READ, Refusal, refusal};
use crate::foreign::Signer;
use crate::stage::Stage;
use crate::upstream::{Upstream, json};

const VAULT: &str = "https://vault.example";
const BILLING: &str = "spiffe://corp.example/ns/billing/sa/agent";
const ACCOUNT: &str = "system:serviceaccount:billing:agent";
const CLUSTER: &str = "https://kubernetes.default.svc";

/// A stage on which `billing` has no key: a trust domain and a cluster, which sign with these, vouch
/// for it. `other` is another workload of the trust domain, and has a key.
async fn stage(domain: &Signer, cluster: &Signer) -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    Stage::with_policy(upstream, |policy, folder| {
        for (name, key) in [("mesh", domain), ("cluster", cluster)] {
            let mut keys = key.public();
            keys["use"] = json!(if name == "mesh" { "jwt-svid" } else { "sig" });
            let keys = json!({ "keys": [keys] }).to_string();
            std::fs::write(folder.join(format!("{name}.jwks")), keys).unwrap();
        }
        let policy = policy
            .replace(
                r#"keys = ["billing.jwk"]"#,
                &format!(r#"subjects = ["mesh:{BILLING}", "cluster:{ACCOUNT}"]"#),
            )
            .replace(
                r#"keys = ["other.jwk"]"#,
                r#"keys = ["other.jwk"]
                   subjects = ["mesh:spiffe://corp.example/other"]"#,
            );
        format!(
            r#"{policy}
            [assertion_issuers.mesh]
            trust_domain = "corp.example"
            audience = "{VAULT}"
            jwks_file = "mesh.jwks"
            [assertion_issuers.cluster]
            issuer = "{CLUSTER}"
            audience = "{VAULT}"
            jwks_file = "cluster.jwks"
            "#
        )
    })
    .await
}

fn claims(stage: &Stage, sub: &str) -> Value {
    json!({ "sub": sub, "aud": [VAULT], "exp": stage.clock.now().seconds() + 300 })
}

fn account(stage: &Stage) -> Value {
    let mut claims = claims(stage, ACCOUNT);
    claims["iss"] = json!(CLUSTER);
    claims
}

/// Asks for a task by an assertion that is not the agent's own.
async fn ask(
    agent: &Agent,
    assertion: &str,
    kind: &str,
    more: &str,
) -> Result<GrantToken, Refusal> {
    let form = task_form(assertion, &"task-1".parse().unwrap());
    let form = form.replace("jwt-bearer", kind.rsplit(':').next().unwrap());
    let response = agent.post("/token", format!("{form}{more}"), Some(agent.token_proof())).await;
    if response.status() == 200 {
        let answer = response.bytes().await.unwrap();
        return Ok(agentcred_protocol::answer::GrantAnswer::from_json(&answer).unwrap().token);
    }
    Err(refusal(response).await)
}

#[tokio::test]
async fn a_workload_is_its_agent_as_often_as_its_token_is_read() {
    let (domain, cluster) = (Signer::named("d"), Signer::named("c"));
    let stage = stage(&domain, &cluster).await;
    let svid = domain.sign(&claims(&stage, BILLING));
    for kind in [ASSERTION_TYPE, SPIFFE_ASSERTION_TYPE, ASSERTION_TYPE] {
        let grant = ask(&stage.agent, &svid, kind, "").await.unwrap();
        assert!(stage.agent.try_mint(&grant, READ).await.is_ok());
    }
    let token = cluster.sign(&account(&stage));
    assert!(ask(&stage.agent, &token, ASSERTION_TYPE, "&client_id=billing").await.is_ok());
    let tasks = stage.audit_of("task");
    let subjects: Vec<_> = tasks.iter().map(|task| task["subject"].as_str().unwrap()).collect();
    let mesh = format!("mesh:{BILLING}");
    assert_eq!(subjects, [&mesh, &mesh, &mesh, &format!("cluster:{ACCOUNT}")]);
    assert!(tasks.iter().all(|task| task["agent"] == "billing"));
    let metadata = stage.agent.url("/.well-known/oauth-authorization-server");
    let metadata = stage.agent.http.get(metadata).send().await.unwrap();
    let metadata: Value = metadata.json().await.unwrap();
    let methods = &metadata["token_endpoint_auth_methods_supported"];
    assert_eq!(*methods, json!(["private_key_jwt", "spiffe_jwt"]));
    // Who has a key of its own may be a workload too.
    let svid = domain.sign(&claims(&stage, "spiffe://corp.example/other"));
    assert!(ask(&stage.other_agent, &svid, SPIFFE_ASSERTION_TYPE, "").await.is_ok());
    assert!(stage.other_agent.try_grant("task-1").await.is_ok());
}

#[tokio::test]
async fn what_a_token_opens_is_of_use_with_the_key_of_its_proof_alone() {
    let (domain, cluster) = (Signer::named("d"), Signer::named("c"));
    let mut stage = stage(&domain, &cluster).await;
    let svid = domain.sign(&claims(&stage, BILLING));
    let grant = ask(&stage.agent, &svid, ASSERTION_TYPE, "").await.unwrap();
    assert!(stage.agent.try_mint(&grant, READ).await.is_ok());
    stage.agent.proof_key = SigningKey::ephemeral().unwrap();
    let refused = stage.agent.try_mint(&grant, READ).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::InvalidDpopProof);
    assert_eq!(stage.last_reason(), "proof_by_another_key");
    // And without any proof the token opens nothing.
    let form = task_form(&svid, &"task-1".parse().unwrap());
    let response = stage.agent.post("/token", form.to_string(), None).await;
    assert_eq!(refusal(response).await.code, RefusalCode::InvalidDpopProof);
}

#[tokio::test]
async fn nobody_is_a_workload_by_a_token_that_is_not_right() {
    let (domain, cluster, stranger) = (Signer::named("d"), Signer::named("c"), Signer::named("d"));
    let stage = stage(&domain, &cluster).await;
    let now = stage.clock.now().seconds();
    let changed = |name: &str, value: Value| {
        let mut claims = claims(&stage, BILLING);
        claims[name] = value;
        domain.sign(&claims)
    };
    let proof = Header { typ: Some("dpop+jwt".to_owned()), ..domain.header() };
    let secret = EncodingKey::from_secret(domain.public().to_string().as_bytes());
    let shared = Header { kid: Some("d".to_owned()), ..Header::new(Algorithm::HS256) };
    for token in [
        stranger.sign(&claims(&stage, BILLING)),
        cluster.sign(&claims(&stage, BILLING)),
        Signer::named("unheard-of").sign(&claims(&stage, BILLING)),
        domain.sign_with(&proof, &claims(&stage, BILLING)),
        jsonwebtoken::encode(&shared, &claims(&stage, BILLING), &secret).unwrap(),
        changed("aud", json!("https://other.example")),
        changed("aud", json!([VAULT, "https://other.example"])),
        changed("exp", json!(now)),
        changed("exp", json!(now + 24 * 60 * 60 + 1)),
        changed("nbf", json!(now + 60)),
    ] {
        let refused = ask(&stage.agent, &token, ASSERTION_TYPE, "").await.unwrap_err();
        assert_eq!(refused.code, RefusalCode::InvalidClient);
        assert_eq!(stage.last_reason(), "assertion_invalid");
    }
    for token in [
        domain.sign(&claims(&stage, "spiffe://corp.example/nobody")),
        domain.sign(&claims(&stage, "spiffe://other.example/billing")),
        cluster.sign(&claims(&stage, ACCOUNT)),
    ] {
        let refused = ask(&stage.agent, &token, ASSERTION_TYPE, "").await.unwrap_err();
        assert_eq!(refused.code, RefusalCode::InvalidClient);
        assert_eq!(stage.last_reason(), "unknown_agent");
    }
    // A service account's token is no JWT-SVID, and says so of itself at its peril.
    let token = cluster.sign(&account(&stage));
    assert!(ask(&stage.agent, &token, SPIFFE_ASSERTION_TYPE, "").await.is_err());
    // The control: with nothing changed it is taken, to its last moment.
    let svid = changed("jti", json!("1"));
    stage.clock.advance(Duration::from_secs(299));
    assert!(ask(&stage.agent, &svid, ASSERTION_TYPE, "").await.is_ok());
    stage.clock.advance(Duration::from_secs(1));
    assert!(ask(&stage.agent, &svid, ASSERTION_TYPE, "").await.is_err());
}

#[tokio::test]
async fn a_workload_goes_by_its_own_name_or_its_agents_and_by_no_other() {
    let (domain, cluster) = (Signer::named("d"), Signer::named("c"));
    let stage = stage(&domain, &cluster).await;
    let svid = domain.sign(&claims(&stage, BILLING));
    for client in ["billing", BILLING] {
        let client = format!("&client_id={client}");
        assert!(ask(&stage.agent, &svid, SPIFFE_ASSERTION_TYPE, &client).await.is_ok());
    }
    let refused = ask(&stage.agent, &svid, SPIFFE_ASSERTION_TYPE, "&client_id=other").await;
    assert_eq!(refused.unwrap_err().code, RefusalCode::InvalidClient);
    assert_eq!(stage.last_reason(), "client_id_is_not_the_subject");
}

#[tokio::test]
async fn a_platform_cannot_say_that_an_agents_key_signed() {
    let (domain, cluster) = (Signer::named("d"), Signer::named("c"));
    let stage = stage(&domain, &cluster).await;
    let mut own = claims(&stage, "other");
    own["iss"] = json!("other");
    own["aud"] = json!(stage.agent.issuer);
    own["jti"] = json!("1");
    own["exp"] = json!(stage.clock.now().seconds() + 60);
    for signer in [&domain, &cluster] {
        let refused = ask(&stage.agent, &signer.sign(&own), ASSERTION_TYPE, "").await.unwrap_err();
        assert_eq!(refused.code, RefusalCode::InvalidClient);
        assert_eq!(stage.last_reason(), "assertion_invalid");
    }
}
