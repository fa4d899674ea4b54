//! Keys at a URL: asked for when they are needed, not often, and kept for a while when it is down.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentcred_issuer::Parts;
use agentcred_protocol::clock::Clock as _;
use agentcred_protocol::refusal::RefusalCode;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::agent::Refusal;
use crate::foreign::Signer;
use crate::stage::Stage;
use crate::upstream::{Upstream, json as answer};
use crate::users::try_grant;

const MINUTE: Duration = Duration::from_mins(1);

/// A server of keys whose answer a test changes, and a stage that looks for users' keys there.
struct Keys {
    server: Upstream,
    answer: Arc<Mutex<Vec<u8>>>,
    stage: Stage,
}

impl Keys {
    async fn at(first: Vec<u8>) -> Self {
        let said = Arc::new(Mutex::new(first));
        let says = Arc::clone(&said);
        let server = Upstream::start(move |_| says.lock().unwrap().clone()).await;
        let stage = stage(server.address).await;
        Self { server, answer: said, stage }
    }

    fn say(&self, answer: Vec<u8>) {
        *self.answer.lock().unwrap() = answer;
    }

    async fn ask(&self, signer: &Signer) -> Result<(), Refusal> {
        ask(&self.stage, signer).await
    }

    fn times_asked(&self) -> usize {
        self.server.arrived().len()
    }
}

/// A stage that looks for users' keys at a server of them.
async fn stage(keys: SocketAddr) -> Stage {
    let upstream = Upstream::answering(answer("{}")).await;
    let policy = |policy, _: &Path| {
        format!(
            "{policy}\n[user_issuers.corp]\nissuer = \"https://login.corp.example\"\n\
             audience = \"agentcred\"\njwks_url = \"http://{keys}/keys\"\n\
             allow_networks = [\"127.0.0.0/8\"]\n"
        )
    };
    let short = |parts: &mut Parts| parts.limits.key_set_time = Duration::from_millis(500);
    Stage::build(upstream, policy, short).await
}

/// Asks for a task on behalf of whom this signer says is Ada.
async fn ask(stage: &Stage, signer: &Signer) -> Result<(), Refusal> {
    let token = signer.sign(&json!({
        "iss": "https://login.corp.example", "aud": "agentcred", "sub": "ada",
        "exp": stage.clock.now().seconds() + 600,
    }));
    try_grant(&stage.agent, "task-1", &token).await.map(drop)
}

fn set(signers: &[&Signer]) -> Vec<u8> {
    let keys: Vec<_> = signers.iter().map(|signer| signer.public()).collect();
    answer(&json!({ "keys": keys }).to_string()).into()
}

#[tokio::test]
async fn keys_are_asked_for_once_and_again_when_they_are_replaced() {
    let (old, new) = (Signer::named("2026"), Signer::named("2027"));
    let keys = Keys::at(set(&[&old])).await;
    for _ in 0..3 {
        keys.ask(&old).await.unwrap();
    }
    assert_eq!(keys.times_asked(), 1);
    let request = &keys.server.arrived()[0];
    assert_eq!(request.line(), "GET /keys");
    assert_eq!(request.header_names(), ["accept", "connection", "host"]);
    // A name that nobody knows yet is a reason to ask, unless that was just done.
    keys.say(set(&[&new]));
    assert!(keys.ask(&new).await.is_err());
    keys.stage.clock.advance(Duration::from_secs(10));
    keys.ask(&new).await.unwrap();
    assert!(keys.ask(&old).await.is_err());
    assert_eq!(keys.times_asked(), 2);
    // And time is one.
    keys.stage.clock.advance(5 * MINUTE);
    keys.ask(&new).await.unwrap();
    assert_eq!(keys.times_asked(), 3);
}

#[tokio::test]
async fn a_storm_of_unknown_keys_makes_few_requests() {
    let known = Signer::named("2026");
    let keys = Keys::at(set(&[&known])).await;
    keys.ask(&known).await.unwrap();
    let strangers: Vec<_> = (0..100).map(|number| Signer::named(&number.to_string())).collect();
    for round in 0..3 {
        keys.stage.clock.advance(Duration::from_secs(10));
        let asking = strangers.iter().map(|stranger| keys.ask(stranger));
        for refused in futures_util::future::join_all(asking).await {
            assert_eq!(refused.unwrap_err().code, RefusalCode::InvalidGrant);
        }
        keys.ask(&known).await.unwrap();
        assert_eq!(keys.times_asked(), 2 + round);
    }
}

#[tokio::test]
async fn the_last_keys_are_good_for_an_hour_while_the_url_is_down() {
    let known = Signer::named("2026");
    let keys = Keys::at(set(&[&known])).await;
    keys.ask(&known).await.unwrap();
    keys.say(b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n".to_vec());
    keys.stage.clock.advance(59 * MINUTE);
    keys.ask(&known).await.unwrap();
    assert_eq!(keys.times_asked(), 2);
    keys.stage.clock.advance(MINUTE);
    let refused = keys.ask(&known).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::TemporarilyUnavailable);
    assert_eq!(keys.stage.last_reason(), "user_issuer_has_no_keys");
    // It comes back by itself.
    keys.say(set(&[&known]));
    keys.stage.clock.advance(Duration::from_secs(10));
    keys.ask(&known).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_of_a_modest_size_is_none() {
    let known = Signer::named("2026");
    let elsewhere = Upstream::answering(set(&[&known])).await;
    let moved = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{}/keys\r\ncontent-length: 0\r\n\r\n",
        elsewhere.address
    );
    let mut padded = json!({ "keys": [known.public()] });
    padded["padding"] = json!("x".repeat(256 * 1024));
    let keys = Keys::at(moved.into_bytes()).await;
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":".to_vec();
    for wrong in
        [None, Some(answer(&padded.to_string()).into()), Some(half), Some(answer("{}").into())]
    {
        if let Some(wrong) = wrong {
            keys.say(wrong);
        }
        keys.stage.clock.advance(Duration::from_secs(10));
        let refused = keys.ask(&known).await.unwrap_err();
        assert_eq!(refused.code, RefusalCode::TemporarilyUnavailable);
    }
    assert_eq!(keys.times_asked(), 4);
    assert!(elsewhere.arrived().is_empty());
    // The control: the same keys, said as they should be.
    keys.say(set(&[&known]));
    keys.stage.clock.advance(Duration::from_secs(10));
    keys.ask(&known).await.unwrap();
}

#[tokio::test]
async fn whoever_leaves_while_keys_are_asked_for_takes_none_along() {
    let known = Signer::named("2026");
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = stage(server.local_addr().unwrap()).await;
    let (mut line, _) = tokio::select! {
        accepted = server.accept() => accepted.unwrap(),
        _ = ask(&stage, &known) => panic!("nobody has answered"),
    };
    // The caller is gone, which the issuer has seen by the time that it answers another one.
    let metadata = stage.agent.url("/.well-known/oauth-authorization-server");
    assert_eq!(stage.agent.http.get(metadata).send().await.unwrap().status(), 200);
    line.write_all(&set(&[&known])).await.unwrap();
    line.shutdown().await.unwrap();
    // Its answer serves the next one, who would have to wait ten seconds for another.
    ask(&stage, &known).await.unwrap();
}

#[tokio::test]
async fn a_server_of_keys_that_says_nothing_is_not_waited_for() {
    let known = Signer::named("2026");
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = stage(server.local_addr().unwrap()).await;
    // It listens, and nobody ever accepts.
    let refused = ask(&stage, &known).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::TemporarilyUnavailable);
    // Who comes at once is told without waiting, and without another attempt.
    assert!(ask(&stage, &known).await.is_err());
    assert!(server.accept().await.is_ok());
    let second = tokio::time::timeout(Duration::from_millis(100), server.accept()).await;
    assert!(second.is_err(), "it was asked again");
}
