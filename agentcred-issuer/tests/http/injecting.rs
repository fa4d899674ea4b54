//! Every way of putting a key in: what arrives, and that nothing of it comes back.

use std::path::Path;
use std::time::Duration;

use agentcred_issuer::Parts;
use agentcred_protocol::refusal::{RETRYABLE_HEADER, RefusalCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::agent::{READ, broker_refusal};
use crate::stage::{REAL_KEY, Stage, write_private};
use crate::upstream::{Arrived, Upstream, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";
const OTHER_KEY: &str = "ok_live_other_Wm3tXz81LpQ";
const AWS_KEY: &str =
    "AKIDEXAMPLE1:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY:sess+ion/tokenTOKENtoken";

/// A stage whose service puts its key in like this.
pub(crate) async fn injecting(upstream: Upstream, inject: &str) -> Stage {
    injecting_with(upstream, inject, |_| {}).await
}

/// The same with changed parts.
pub(crate) async fn injecting_with(
    upstream: Upstream,
    inject: &str,
    change: impl FnOnce(&mut Parts),
) -> Stage {
    let edit = |policy: String, folder: &Path| {
        write_private(&folder.join("other.key"), OTHER_KEY);
        write_private(&folder.join("aws.key"), AWS_KEY);
        with_inject(&policy, inject)
    };
    Stage::build(upstream, edit, change).await
}

/// The stage's configuration with another `inject`.
pub(crate) fn with_inject(policy: &str, inject: &str) -> String {
    let usual = r#"inject = { header = "authorization", format = "Bearer {secret}" }"#;
    let changed = policy.replacen(usual, inject, 1);
    assert_ne!(changed, policy);
    changed
}

/// Sends everything back that arrived, and more than once.
pub(crate) fn echo(request: &Arrived) -> Vec<u8> {
    let reversed: String = request.head.chars().rev().collect();
    let encoded = STANDARD.encode(&request.head);
    let head = &request.head;
    let body = String::from_utf8_lossy(&request.body);
    json(&format!("{head}\n{reversed}\n{encoded}\n{body}")).into_bytes()
}

#[tokio::test]
async fn each_kind_arrives_as_the_api_expects_it() {
    let both = r#"inject = [{ header = "x-app", format = "{secret}" },
                            { header = "x-other", format = "k={secret}", secret = "file:other.key" }]"#;
    let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
    for (inject, header, expected) in [
        (
            r#"inject = { header = "x-a", format = "b {secret} c" }"#,
            "x-a",
            format!("b {REAL_KEY} c"),
        ),
        (
            r#"inject = { basic = "ada:{secret}" }"#,
            "authorization",
            basic(format!("ada:{REAL_KEY}")),
        ),
        (r#"inject = { basic = "{secret}:" }"#, "authorization", basic(format!("{REAL_KEY}:"))),
        (both, "x-app", REAL_KEY.to_owned()),
        (both, "x-other", format!("k={OTHER_KEY}")),
    ] {
        let stage = injecting(Upstream::answering(json("{}")).await, inject).await;
        let nonce = stage.agent.mint(READ).await;
        assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
        let arrived = &stage.upstream.arrived()[0];
        assert_eq!(arrived.header(header), [expected], "{inject}");
        assert_eq!(arrived.line(), "GET /v1/customers");
    }
}

#[tokio::test]
async fn a_key_in_the_query_stands_there_once_and_not_in_the_audit() {
    let upstream = Upstream::answering(json("{}")).await;
    let stage = injecting(upstream, r#"inject = { query = "api_key" }"#).await;
    let nonce = stage.agent.mint(READ).await;
    assert_eq!(stage.agent.get(&nonce, &format!("{CUSTOMERS}?limit=3")).await.status(), 200);
    let arrived = stage.upstream.arrived();
    assert_eq!(arrived[0].line(), format!("GET /v1/customers?limit=3&api_key={REAL_KEY}"));
    assert!(arrived[0].header("authorization").is_empty());
    assert!(!stage.audit_text().contains(REAL_KEY));
    // Nobody sends one of their own beside it.
    for key in ["api_key", "API_KEY", "api%5Fkey", "api_key%5B%5D"] {
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, &format!("{CUSTOMERS}?{key}=mine")).await;
        let refused = broker_refusal(response).await;
        assert_eq!(refused.code, RefusalCode::InsufficientScope, "{key}");
    }
    assert_eq!(stage.upstream.arrived().len(), 1);
}

#[tokio::test]
async fn a_key_that_fits_into_no_request_costs_no_use() {
    let upstream = Upstream::answering(json("{}")).await;
    let stage = injecting(upstream, r#"inject = { basic = "{secret}:" }"#).await;
    let nonce = stage.agent.mint(READ).await;
    let key = stage.folder().join("stripe.key");
    // A user name holds no colon.
    write_private(&key, "sk_live:rotated");
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.headers()[RETRYABLE_HEADER], "1");
    assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
    assert_eq!(stage.last_reason(), "secret_fits_no_header");
    assert_eq!(stage.audit_of("answer")[0]["outcome"], "no_secret");
    write_private(&key, REAL_KEY);
    stage.clock.advance(Duration::from_mins(1));
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    assert_eq!(stage.upstream.arrived().len(), 1);
}

#[tokio::test]
async fn no_key_comes_back_whichever_way_it_was_put_in() {
    let signed = r#"inject = [{ header = "x-a", format = "{secret}" },
        { aws_sigv4 = { region = "eu-central-1", service = "s3" }, secret = "file:aws.key" }]"#;
    for (inject, secrets) in [
        (r#"inject = { header = "x-a", format = "{secret}" }"#, vec![REAL_KEY]),
        (r#"inject = { basic = "ada:{secret}" }"#, vec![REAL_KEY]),
        (r#"inject = { basic = "{secret}:x" }"#, vec![REAL_KEY]),
        (r#"inject = { query = "api_key" }"#, vec![REAL_KEY]),
        (
            r#"inject = [{ header = "x-a", format = "{secret}" },
                         { basic = "ada:{secret}", secret = "file:other.key" }]"#,
            vec![REAL_KEY, OTHER_KEY],
        ),
        (signed, AWS_KEY.split(':').collect()),
    ] {
        let stage = injecting(Upstream::start(echo).await, inject).await;
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        assert_eq!(response.status(), 200, "{inject}");
        let received = response.text().await.unwrap();
        let arrived = stage.upstream.arrived();
        let sent = String::from_utf8(echo(&arrived[0])).unwrap();
        let mut worth_something: Vec<String> = Vec::new();
        for secret in secrets {
            // Each as it is, as it stands in basic credentials, and backwards.
            worth_something.push(secret.to_owned());
            worth_something.push(secret.chars().rev().collect());
        }
        // What was made of the keys opens the service just as well.
        for value in arrived[0].header("authorization") {
            let made = value.rsplit([' ', '=']).find(|it| it.len() > 20).unwrap_or(value);
            worth_something.push(made.to_owned());
        }
        let stood_there = worth_something.iter().filter(|it| sent.contains(*it)).count();
        assert!(stood_there > 0, "{inject}: the upstream gives nothing away");
        for text in &worth_something {
            assert!(!received.contains(text), "{inject}: {text} comes back: {received}");
        }
        assert!(received.contains("[redacted]"), "{inject}: {received}");
    }
}
