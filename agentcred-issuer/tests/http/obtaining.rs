//! Access tokens that the broker obtains: once for all, in time, and known to nobody else.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agentcred_protocol::refusal::{RETRYABLE_HEADER, RefusalCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::agent::{READ, Wish, broker_refusal};
use crate::dialling::Fixed;
use crate::injecting::{echo, injecting, injecting_with, with_inject};
use crate::stage::{REAL_KEY, Stage, write_private};
use crate::upstream::{Arrived, Upstream, answer, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

/// A token endpoint that numbers its tokens.
async fn endpoint(lifetime: u64) -> Upstream {
    let issued = AtomicU64::new(0);
    Upstream::start(move |_| {
        let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
        json(&format!(
            r#"{{"access_token":"{}","token_type":"bearer","expires_in":{lifetime}}}"#,
            token(number)
        ))
        .into_bytes()
    })
    .await
}

fn token(number: u64) -> String {
    format!("at_obtained_4kQz7TnVb2-{number:04}")
}

async fn before(endpoint: &Upstream, upstream: Upstream, more: &str) -> Stage {
    injecting(upstream, &inject(endpoint, more)).await
}

fn inject(endpoint: &Upstream, more: &str) -> String {
    let address = endpoint.address;
    format!(
        r#"inject = {{ client_credentials = {{ token_url = "http://{address}/oauth/token", client_id = "an id"{more} }} }}"#
    )
}

async fn status(stage: &Stage) -> u16 {
    let nonce = stage.agent.mint(READ).await;
    stage.agent.get(&nonce, CUSTOMERS).await.status().as_u16()
}

fn tokens(upstream: &Upstream) -> Vec<String> {
    let arrived = upstream.arrived();
    arrived.iter().map(|it| it.header("authorization")[0].replace("Bearer ", "")).collect()
}

#[tokio::test]
async fn a_token_is_obtained_as_the_standard_says_and_used() {
    let (first, second) = (endpoint(3600).await, endpoint(3600).await);
    let stage = before(&first, Upstream::answering(json("{}")).await, r#", scope = "a b""#).await;
    assert_eq!(status(&stage).await, 200);
    let asked = first.arrived();
    assert_eq!(asked[0].line(), "POST /oauth/token");
    assert_eq!(asked[0].body, b"grant_type=client_credentials&scope=a+b");
    let basic = STANDARD.encode(format!("an+id:{REAL_KEY}"));
    assert_eq!(asked[0].header("authorization"), [format!("Basic {basic}")]);
    assert_eq!(tokens(&stage.upstream), [token(1)]);

    let form = r#", authentication = "form""#;
    let stage = before(&second, Upstream::answering(json("{}")).await, form).await;
    assert_eq!(status(&stage).await, 200);
    let asked = second.arrived();
    let expected =
        format!("grant_type=client_credentials&client_id=an+id&client_secret={REAL_KEY}");
    assert_eq!(asked[0].body, expected.as_bytes());
    assert!(asked[0].header("authorization").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_obtain_one_token() {
    let endpoint = endpoint(3600).await;
    let stage = Arc::new(before(&endpoint, Upstream::answering(json("{}")).await, "").await);
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move { status(&stage).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(endpoint.arrived().len(), 1);
    assert_eq!(stage.upstream.arrived().len(), 16);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let endpoint = endpoint(600).await;
    let stage = before(&endpoint, Upstream::answering(json("{}")).await, "").await;
    for (pause, expected) in [(0, 1), (539, 1), (2, 2), (500, 2), (100, 3)] {
        stage.clock.advance(Duration::from_secs(pause));
        assert_eq!(status(&stage).await, 200);
        assert_eq!(tokens(&stage.upstream).pop().unwrap(), token(expected), "after {pause} s");
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_costs_nothing_as_long_as_a_token_lives() {
    let asked = AtomicU64::new(0);
    let endpoint = Upstream::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => json(&format!(
            r#"{{"access_token":"{}","token_type":"Bearer","expires_in":600}}"#,
            token(1)
        ))
        .into_bytes(),
        _ => answer("503 Down", &[], "").into_bytes(),
    });
    let endpoint = endpoint.await;
    let stage = before(&endpoint, Upstream::answering(json("{}")).await, "").await;
    for pause in [0, 570] {
        stage.clock.advance(Duration::from_secs(pause));
        assert_eq!(status(&stage).await, 200);
    }
    stage.clock.advance(Duration::from_secs(31));
    let nonce = stage.agent.mint(Wish { uses: 1, ..READ }).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert!(response.headers().contains_key(RETRYABLE_HEADER));
    assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
    let requests = endpoint.arrived().len();
    // Within the same second nobody asks again, and the use was given back.
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 503);
    assert_eq!(endpoint.arrived().len(), requests);
    assert_eq!(stage.upstream.arrived().len(), 2);
}

#[tokio::test]
async fn an_endpoint_that_says_nothing_holds_no_request_longer_than_its_time() {
    let endpoint = Upstream::hanging_after("").await;
    let inject = inject(&endpoint, "");
    let stage = injecting_with(Upstream::answering(json("{}")).await, &inject, |parts| {
        parts.limits.upstream_time = Duration::from_millis(300);
    });
    let stage = stage.await;
    let nonce = stage.agent.mint(Wish { uses: 8, ..READ }).await;
    let calls = (0..8).map(|_| stage.agent.get(&nonce, CUSTOMERS));
    // One after another they would take eight times as long as one.
    let began = std::time::Instant::now();
    for response in futures_util::future::join_all(calls).await {
        assert!(response.headers().contains_key(RETRYABLE_HEADER));
        assert_eq!(broker_refusal(response).await.code, RefusalCode::TemporarilyUnavailable);
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let outcomes = stage.audit_of("answer");
    assert!(outcomes.len() == 8 && outcomes.iter().all(|line| line["outcome"] == "no_secret"));
    assert!(stage.upstream.arrived().is_empty());
}

// macOS has one loopback address.
#[cfg(not(target_os = "macos"))]
#[tokio::test]
async fn an_endpoint_at_a_forbidden_address_is_not_dialled() {
    let endpoint = endpoint(3600).await;
    let mut trap = Upstream::at(([127, 0, 0, 2], endpoint.address.port()).into());
    trap.listen(&format!(r#"{{"access_token":"{}","token_type":"Bearer"}}"#, token(1))).await;
    let inject = inject(&endpoint, "").replace("127.0.0.1", "localhost");
    // The control: the same name leads to the endpoint that is meant.
    for (address, expected) in [(endpoint.address, 200), (trap.address, 503)] {
        let upstream = Upstream::answering(json("{}")).await;
        let edit = |policy: String, _: &Path| {
            with_inject(&policy, &inject).replace("127.0.0.0/8", "127.0.0.1/32")
        };
        let stage = Stage::build(upstream, edit, |parts| {
            parts.resolver = Arc::new(Fixed(vec![address]));
        });
        assert_eq!(status(&stage.await).await, expected);
    }
    assert_eq!(endpoint.arrived().len(), 1);
    assert!(trap.arrived().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_sends_elsewhere_is_not_followed() {
    let elsewhere = endpoint(3600).await;
    for status_line in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("http://{}/oauth/token", elsewhere.address);
        let redirect = answer(status_line, &[("location", &location)], "");
        let endpoint = Upstream::answering(redirect).await;
        let stage = before(&endpoint, Upstream::answering(json("{}")).await, "").await;
        assert_eq!(status(&stage).await, 503, "{status_line}");
        assert_eq!(endpoint.arrived().len(), 1);
    }
    assert!(elsewhere.arrived().is_empty());
}

#[tokio::test]
async fn neither_token_nor_client_secret_comes_back() {
    let endpoint = endpoint(3600).await;
    let leaky = |request: &Arrived| {
        let answer = String::from_utf8(echo(request)).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        json(&format!("{body}\n{REAL_KEY}")).into_bytes()
    };
    let stage = before(&endpoint, Upstream::start(leaky).await, "").await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.status(), 200);
    let received = response.text().await.unwrap();
    let sent = String::from_utf8(leaky(&stage.upstream.arrived()[0])).unwrap();
    for secret in [token(1), REAL_KEY.to_owned()] {
        assert!(sent.contains(&secret));
        assert!(!received.contains(&secret), "{received}");
    }
    assert!(!stage.audit_text().contains(&token(1)));
}

#[tokio::test]
async fn a_refused_token_is_obtained_again_and_no_more_often_than_makes_sense() {
    let endpoint = endpoint(3600).await;
    let upstream = Upstream::start(|request| {
        let is_refused = request.header("authorization")[0].ends_with(&token(1));
        if is_refused { answer("401 Unauthorized", &[], "") } else { json("{}") }.into_bytes()
    });
    let stage = before(&endpoint, upstream.await, "").await;
    // It is too young to be to blame.
    assert_eq!(status(&stage).await, 401);
    assert_eq!(endpoint.arrived().len(), 1);
    stage.clock.advance(Duration::from_secs(10));
    assert_eq!(status(&stage).await, 200);
    assert_eq!(tokens(&stage.upstream), [token(1), token(1), token(2)]);
    assert_eq!(stage.audit_of("use").len(), 3);
}

#[tokio::test]
async fn a_client_whose_secret_changed_is_refused_once_and_then_knows_the_new_one() {
    let new = "cs_changed_Xb81kQz7TnVb2";
    let endpoint = Upstream::start(move |request| {
        let expected = STANDARD.encode(format!("an+id:{new}"));
        if request.header("authorization")[0] != format!("Basic {expected}") {
            return answer("401 Unauthorized", &[], r#"{"error":"invalid_client"}"#).into_bytes();
        }
        json(&format!(r#"{{"access_token":"{}","token_type":"Bearer"}}"#, token(1))).into_bytes()
    });
    let endpoint = endpoint.await;
    let stage = before(&endpoint, Upstream::answering(json("{}")).await, "").await;
    assert_eq!(status(&stage).await, 503);
    stage.clock.advance(Duration::from_secs(2));
    write_private(&stage.folder().join("stripe.key"), new);
    assert_eq!(status(&stage).await, 200);
    assert_eq!(tokens(&stage.upstream), [token(1)]);
}

#[tokio::test]
async fn an_answer_that_is_no_token_is_not_used_nor_told() {
    for body in [
        "",
        "[]",
        r#"{"access_token":"at_obtained_canary"}"#,
        r#"{"access_token":"at_obtained_canary","token_type":"mac"}"#,
        r#"{"access_token":"short","token_type":"bearer"}"#,
        r#"{"access_token":"at obtained canary","token_type":"bearer"}"#,
    ] {
        let endpoint = Upstream::answering(json(body)).await;
        let stage = before(&endpoint, Upstream::answering(json("{}")).await, "").await;
        assert_eq!(status(&stage).await, 503, "{body}");
        assert!(stage.upstream.arrived().is_empty());
        assert!(!stage.audit_text().contains("canary"));
    }
}
