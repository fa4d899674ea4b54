//! Nothing reaches the upstream that no rule allows, however a path or query is spelled.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may end here, and says what it counted"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentcred_protocol::proof;
use agentcred_protocol::token::NonceToken;
use http::{Method, Uri};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::agent::{Agent, READ, Wish};
use crate::corpus::attacks;
use crate::raw::{RawClient, position};
use crate::stage::Stage;
use crate::upstream::{Arrived, Upstream, json};

/// What became of the attacks.
#[derive(Debug, Default)]
struct Tally {
    passed: AtomicUsize,
    outside_scope: AtomicUsize,
    other_service: AtomicUsize,
    no_http: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_or_query_leaves_the_scope() {
    let upstream = Upstream::answering(json("{}")).await;
    let stage = Arc::new(Stage::with_policy(upstream, |policy, _| allow_many_uses(&policy)).await);
    let attacks = Arc::new(chosen());
    let tally = Arc::new(Tally::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|first| {
            let (stage, attacks, tally) = (stage.clone(), attacks.clone(), tally.clone());
            tokio::spawn(async move {
                let mine = attacks.iter().skip(first).step_by(CLIENTS);
                for mine in mine.collect::<Vec<_>>().chunks(USES as usize) {
                    let nonce = stage.agent.mint(Wish { uses: USES, ..READ }).await;
                    attack(&stage.agent, &nonce, mine, &tally).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }

    let sent: BTreeSet<_> = attacks.iter().filter_map(|target| passed_on(target)).collect();
    let arrived = stage.upstream.arrived();
    for request in &arrived {
        let target = target_of(request);
        assert!(is_allowed(target), "the upstream got {target:?}");
        assert!(sent.contains(target), "the upstream got {target:?}, which nobody sent");
    }
    // What the rules looked at is what arrived, request by request.
    let mut checked: Vec<_> = stage
        .audit_of("use")
        .iter()
        .map(|line| line["path"].as_str().unwrap().to_owned())
        .collect();
    let mut paths: Vec<_> = arrived
        .iter()
        .map(|request| target_of(request).split('?').next().unwrap().to_owned())
        .collect();
    checked.sort_unstable();
    paths.sort_unstable();
    assert_eq!(checked, paths);
    println!("{} attacks: {tally:?}", attacks.len());
    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    assert_eq!(count(&tally.passed), arrived.len());
    let refused = count(&tally.outside_scope) + count(&tally.other_service);
    assert_eq!(refused + count(&tally.passed) + count(&tally.no_http), attacks.len());
    assert!(refused > attacks.len() / 2, "too few attacks came as far as the rules: {tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_check_lets_thousands_through_in_the_same_harness() {
    let upstream = Upstream::answering(json("{}")).await;
    let broker = naive_broker(&upstream).await;
    let attacks = Arc::new(chosen());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|first| {
            let (attacks, broker) = (attacks.clone(), broker.clone());
            tokio::spawn(async move {
                for target in attacks.iter().skip(first).step_by(CLIENTS) {
                    let request = [b"GET ", target.as_slice(), b" HTTP/1.1\r\nhost: b\r\n\r\n"];
                    RawClient::connect(&broker).await.until_closed(&request.concat()).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let arrived = upstream.arrived();
    let outside = arrived.iter().filter(|request| !is_allowed(target_of(request))).count();
    let elsewhere = arrived.iter().filter(|request| left_the_prefix(request)).count();
    println!(
        "a prefix check lets {outside} of {} attacks through, {elsewhere} to another path",
        attacks.len()
    );
    assert!(elsewhere > attacks.len() / 20, "only {elsewhere}: the corpus attacks little");
}

/// Sends attacks over one connection for as long as it stays open.
async fn attack(agent: &Agent, nonce: &NonceToken, attacks: &[&Vec<u8>], tally: &Tally) {
    let authorization = nonce.authorization().unwrap();
    let mut client = RawClient::connect(&agent.issuer).await;
    for target in attacks {
        let proof = proof_for(agent, nonce, target);
        let mut request = b"GET ".to_vec();
        request.extend_from_slice(target);
        request.extend_from_slice(b" HTTP/1.1\r\nhost: broker\r\nauthorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\ndpop: ");
        request.extend_from_slice(proof.as_bytes());
        request.extend_from_slice(b"\r\n\r\n");
        let answer = client.exchange(&request).await;
        let code = answer.as_ref().and_then(|it| it.header("agentcred-error"));
        let counter = match (answer.as_ref().map(|it| it.status), code) {
            (Some(200), None) => &tally.passed,
            (Some(403), Some("insufficient_scope")) | (Some(400), Some("method_override")) => {
                &tally.outside_scope
            }
            (Some(400), Some("invalid_target")) => &tally.other_service,
            // No HTTP, or nothing below the broker's path.
            (Some(400 | 404) | None, None) => &tally.no_http,
            // Anything else means that this attack never came as far as the rules.
            other => panic!("{}: {other:?}", target.escape_ascii()),
        };
        counter.fetch_add(1, Ordering::SeqCst);
        if answer.is_none_or(|it| it.header("connection") == Some("close")) {
            client = RawClient::connect(&agent.issuer).await;
        }
    }
}

/// A proof as a hostile agent makes it: for the URL that the broker will see.
fn proof_for(agent: &Agent, nonce: &NonceToken, target: &[u8]) -> http::HeaderValue {
    let path = Uri::try_from(target).map_or("/".to_owned(), |uri| uri.path().to_owned());
    let base = agent.issuer.as_str().trim_end_matches('/');
    let url = Url::parse(&format!("{base}{path}")).unwrap_or_else(|_| agent.issuer.clone());
    let hash = nonce.proof_hash();
    let request = proof::ProvenRequest { method: &Method::GET, url: &url, token_hash: Some(&hash) };
    agent.proof(request)
}

/// What the upstream may get of this attack if it gets anything: the same bytes. A fragment is
/// not part of a request.
fn passed_on(target: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(target).ok()?.strip_prefix("/egress/stripe")?;
    Some(text.split('#').next().unwrap_or(text).to_owned())
}

/// The stage's rules for `read:customers`, written down again without anything of the broker's.
pub(crate) fn is_allowed(target: &str) -> bool {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let is_id = |id: &str| {
        !["", ".", ".."].contains(&id)
            && id.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
    };
    match path.strip_prefix("/v1/customers") {
        Some("") => query.is_none_or(|query| {
            let mut keys: Vec<_> =
                query.split('&').map(|pair| pair.split_once('=').map(|(key, _)| key)).collect();
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            keys.len() == count && keys.iter().all(|key| matches!(key, Some("limit" | "email")))
        }),
        Some(rest) => query.is_none() && rest.strip_prefix('/').is_some_and(is_id),
        None => false,
    }
}

fn target_of(request: &Arrived) -> &str {
    request.line().strip_prefix("GET ").unwrap()
}

/// Whether not even the prefix that was checked is left of what arrived.
fn left_the_prefix(request: &Arrived) -> bool {
    let rest = target_of(request).strip_prefix("/v1/customers");
    !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// A broker as it is often written: a prefix is checked, then a URL library takes over.
async fn naive_broker(upstream: &Upstream) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let origin = format!("http://{}", upstream.address);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass_naively(stream, origin.clone(), http.clone()));
        }
    });
    url
}

async fn pass_naively(mut stream: TcpStream, origin: String, http: reqwest::Client) -> Option<()> {
    let mut head = Vec::new();
    while position(&head, b"\r\n\r\n").is_none() {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let target = std::str::from_utf8(&head).ok()?.strip_prefix("GET /egress/stripe")?;
    let target = target.split(" HTTP/1.1").next()?;
    if target.starts_with("/v1/customers") {
        http.get(format!("{origin}{target}")).send().await.ok()?;
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok()
}

/// Attacks from the whole corpus, as many as `AGENTCRED_ATTACKS` says.
fn chosen() -> Vec<Vec<u8>> {
    let attacks = attacks();
    let wanted = std::env::var("AGENTCRED_ATTACKS").map_or(20_000, |text| text.parse().unwrap());
    let wanted = wanted.min(attacks.len());
    (0..wanted).map(|position| attacks[position * attacks.len() / wanted].clone()).collect()
}

fn allow_many_uses(policy: &str) -> String {
    let many = format!("\"write:refunds\"], max_uses = {USES},");
    let edited = policy.replacen("\"write:refunds\"],", &many, 1);
    assert_ne!(edited, policy);
    edited
}

const CLIENTS: usize = 100;
const USES: u32 = 1000;
