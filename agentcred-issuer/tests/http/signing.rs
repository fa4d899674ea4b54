//! Signature Version 4: the upstream recomputes each signature as AWS documents it.

use std::fmt::Write as _;

use agentcred_protocol::proof;
use aws_lc_rs::{digest, hmac};
use http::Method;

use crate::agent::{READ, Wish};
use crate::stage::{Stage, write_private};
use crate::upstream::{Arrived, Upstream, json};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "sess+ion/tokenTOKENtoken==";

async fn signing(service: &str) -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    Stage::with_policy(upstream, |policy, folder| {
        write_private(&folder.join("stripe.key"), &format!("AKIDEXAMPLE:{SECRET}:{TOKEN}"));
        policy.replacen(
            r#"inject = { header = "authorization", format = "Bearer {secret}" }"#,
            &format!(
                r#"inject = {{ aws_sigv4 = {{ region = "eu-central-1", service = "{service}" }} }}"#
            ),
            1,
        )
    })
    .await
}

#[tokio::test]
async fn what_arrives_is_signed_and_any_change_to_it_shows() {
    for service in ["execute-api", "s3"] {
        let stage = signing(service).await;
        let nonce = stage.agent.mint(READ).await;
        let path = "/egress/stripe/v1/customers?limit=3&email=a%40b.example";
        assert_eq!(stage.agent.get(&nonce, path).await.status(), 200);
        let nonce = stage.agent.mint(Wish { scope: "write:refunds", ..READ }).await;
        let path = "/egress/stripe/v1/refunds";
        let posted = stage
            .agent
            .request(&nonce, &Method::POST, path)
            .header(proof::HEADER, stage.agent.nonce_proof(&nonce, &Method::POST, path))
            .header("content-type", "application/json")
            .body("{\"amount\":1}");
        assert_eq!(posted.send().await.unwrap().status(), 200);
        for arrived in stage.upstream.arrived() {
            assert!(is_signed(&arrived, service), "{service}: {}", arrived.head);
            assert_eq!(arrived.header("x-amz-security-token"), [TOKEN]);
            assert!(!arrived.head.contains(SECRET));
            // The control: the check sees a change of target, body, host and time.
            let changed = |from: &str, to: &str| {
                let head = arrived.head.replacen(from, to, 1);
                assert_ne!(head, arrived.head);
                Arrived { head, body: arrived.body.clone() }
            };
            assert!(!is_signed(&changed("/v1/", "/v2/"), service));
            assert!(!is_signed(&changed("host: 127", "host: 128"), service));
            assert!(!is_signed(&changed("x-amz-date: 2027", "x-amz-date: 2028"), service));
            let body = [&arrived.body[..], b" "].concat();
            assert!(!is_signed(&Arrived { body, ..arrived.clone() }, service));
        }
    }
}

/// Recomputes a signature, step by step as AWS's reference does.
fn is_signed(request: &Arrived, service: &str) -> bool {
    let authorization = request.header("authorization")[0];
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(name).unwrap();
        rest.split(',').next().unwrap()
    };
    let (names, signature) = (part("SignedHeaders="), part("Signature="));
    let (method, target) = request.line().split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut pairs: Vec<_> = query.split('&').collect();
    pairs.sort_unstable();
    let headers: Vec<_> =
        names.split(';').map(|name| format!("{name}:{}\n", request.header(name)[0])).collect();
    let headers = headers.concat();
    let body = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    let canonical = format!("{method}\n{path}\n{}\n{headers}\n{names}\n{body}", pairs.join("&"));
    let time = request.header("x-amz-date")[0];
    let scope = format!("{}/eu-central-1/{service}/aws4_request", &time[..8]);
    if part("Credential=") != format!("AKIDEXAMPLE/{scope}") {
        return false;
    }
    let hashed = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for step in scope.split('/').chain([to_sign.as_str()]) {
        let step_key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        key = hmac::sign(&step_key, step.as_bytes()).as_ref().to_vec();
    }
    hex(&key) == signature
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
