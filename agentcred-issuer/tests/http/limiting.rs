//! A rule that limits a body: no refund beyond it reaches the upstream, and the others do as
//! they came.

use agentcred_protocol::proof;
use agentcred_protocol::refusal::RefusalCode;
use http::Method;
use reqwest::Response;

use crate::agent::{Wish, broker_refusal};
use crate::stage::Stage;
use crate::upstream::{Upstream, json};

const REFUNDS: &str = "/egress/stripe/v1/refunds";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

const LIMITS: &str = r#"path = "/v1/refunds"
        body = { charge = {}, amount = { min = 1, max = 5000 }, currency = { in = ["usd", "eur"] } }"#;

async fn limited() -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    Stage::with_policy(upstream, |policy, _| {
        let limited = policy.replacen("path = \"/v1/refunds\"", LIMITS, 1);
        assert_ne!(limited, policy);
        limited
    })
    .await
}

async fn refund(stage: &Stage, content_type: &str, body: &[u8]) -> Response {
    let wish = Wish { service: "stripe", scope: "write:refunds", ttl: 60, uses: 1 };
    let nonce = stage.agent.mint(wish).await;
    let request = stage
        .agent
        .request(&nonce, &Method::POST, REFUNDS)
        .header(proof::HEADER, stage.agent.nonce_proof(&nonce, &Method::POST, REFUNDS))
        .header("content-type", content_type)
        .body(body.to_vec());
    request.send().await.unwrap()
}

/// Attempts at more than the rule allows, each as it would be a success somewhere.
const BEYOND: [(&str, &str, &str); 24] = [
    (FORM, "charge=ch_1&amount=5001&currency=usd", "body_field_outside_limit"),
    (FORM, "charge=ch_1&amount=-1&currency=usd", "body_field_outside_limit"),
    (FORM, "charge=ch_1&amount=9e9&currency=usd", "body_field_outside_limit"),
    (FORM, "charge=ch_1&amount=99999999999999999999&currency=usd", "body_field_outside_limit"),
    (FORM, "charge=ch_1&amount=%39999&currency=usd", "body_field_outside_limit"),
    (FORM, "charge=ch_1&amount=5&amount=9999&currency=usd", "repeated_body_field"),
    (FORM, "charge=ch_1&amount=5&%61mount=9999&currency=usd", "body_field_not_allowed"),
    (FORM, "charge=ch_1&amount=5&amount%5B%5D=9999&currency=usd", "body_field_not_allowed"),
    (FORM, "charge=ch_1&amount=5;amount=9999&currency=usd", "malformed_body"),
    (FORM, "charge=ch_1&amount=5&currency=gbp", "body_field_outside_limit"),
    (FORM, "charge=ch_1&amount=5&currency=USD", "body_field_outside_limit"),
    (FORM, "charge=ch_1&currency=usd", "body_field_missing"),
    (FORM, "charge=ch_1&amount=5&currency=usd&expand%5B%5D=a", "body_field_not_allowed"),
    (FORM, "", "body_field_missing"),
    (JSON, r#"{"charge":"a","amount":5001,"currency":"usd"}"#, "body_field_outside_limit"),
    (JSON, r#"{"charge":"a","amount":"5","currency":"usd"}"#, "body_field_outside_limit"),
    (JSON, r#"{"charge":"a","amount":5e0,"currency":"usd"}"#, "body_field_outside_limit"),
    (JSON, r#"{"charge":"a","amount":-5,"currency":"usd"}"#, "body_field_outside_limit"),
    (
        JSON,
        r#"{"charge":"a","amount":18446744073709551621,"currency":"usd"}"#,
        "body_field_outside_limit",
    ),
    (JSON, r#"{"charge":"a","amount":5,"amount":9999,"currency":"usd"}"#, "repeated_body_field"),
    (JSON, r#"{"charge":"a","amount":5,"\u0061mount":9,"currency":"usd"}"#, "repeated_body_field"),
    (JSON, r#"{"charge":["a","b"],"amount":5,"currency":"usd"}"#, "body_field_outside_limit"),
    (JSON, "charge=ch_1&amount=5&currency=usd", "malformed_body"),
    ("text/plain", "charge=ch_1&amount=5&currency=usd", "body_of_another_type"),
];

#[tokio::test]
async fn no_refund_beyond_the_limits_is_passed_on() {
    let stage = limited().await;
    for (content_type, body, reason) in BEYOND {
        let refused = broker_refusal(refund(&stage, content_type, body.as_bytes()).await).await;
        assert_eq!(refused.code, RefusalCode::InsufficientScope, "{body}");
        assert_eq!(stage.last_reason(), reason, "{body}");
    }
    assert!(stage.upstream.arrived().is_empty());
    assert!(!stage.audit_text().contains("9999"), "a value of a body stands in the audit");
}

#[tokio::test]
async fn without_a_limit_all_of_them_pass() {
    let stage = Stage::set().await;
    for (content_type, body, _) in BEYOND {
        assert_eq!(refund(&stage, content_type, body.as_bytes()).await.status(), 200, "{body}");
    }
    assert_eq!(stage.upstream.arrived().len(), BEYOND.len());
}

#[tokio::test]
async fn a_refund_within_the_limits_is_sent_byte_for_byte() {
    let stage = limited().await;
    let bodies = [
        (FORM, "currency=eur&charge=ch_1%2Fx&amount=5000"),
        (JSON, "{ \"amount\" : 1,\n\t\"charge\":\"\\u0063h\", \"currency\":\"usd\" }"),
    ];
    for (content_type, body) in bodies {
        assert_eq!(refund(&stage, content_type, body.as_bytes()).await.status(), 200);
    }
    for (arrived, (content_type, body)) in stage.upstream.arrived().iter().zip(bodies) {
        assert_eq!(arrived.body, body.as_bytes());
        assert_eq!(arrived.header("content-type"), [content_type]);
    }
}
