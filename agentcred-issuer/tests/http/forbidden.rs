//! Addresses that no upstream may have are not dialled, however they are written or found.

#![allow(clippy::print_stdout, reason = "a test says what it counted")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentcred_issuer::{Config, Resolver};
use async_trait::async_trait;
use tokio::net::{TcpListener, TcpStream};

use crate::agent::{READ, Wish, broker_refusal};
use crate::stage::{Stage, policy};
use crate::upstream::{Upstream, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

/// Spellings of loopback that some parser takes for it.
const LOOPBACK: [&str; 37] = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.127.127.127",
    "2130706433",
    "0x7f000001",
    "0X7F000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "00000177.0.0.1",
    "127.000.000.001",
    "①②⑦.⓪.⓪.①",
    "１２７.０.０.１",
    "127。0。0。1",
    "127．0．0．1",
    "127%2e0%2e0%2e1",
    "%31%32%37.0.0.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:7F00:0001]",
    "[::127.0.0.1]",
    "0.0.0.0",
    "0",
    "0x0",
    "[::]",
    "user@127.0.0.1",
    "api.stripe.com@127.0.0.1",
    "127.0.0.1:80#@api.stripe.com",
    "api.stripe.com:x@0x7f.1",
    "[127.0.0.1]",
];

/// Spellings of private, link-local, metadata and otherwise special addresses.
const ELSEWHERE: [&str; 45] = [
    "10.0.0.1",
    "10.1",
    "167772161",
    "0xa000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "192.168.1",
    "3232235777",
    "0xc0a80101",
    "169.254.169.254",
    "169.254.43518",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "0xA9.0xFE.0xA9.0xFE",
    "169.254.169.254.",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::a9fe:a9fe]",
    "[fc00::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[100::1]",
    "[5f00::1]",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "192.0.2.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
];

/// Names and what a hostile or careless DNS says of them.
const NAMES: [(&str, &[&str]); 20] = [
    ("localhost", &["127.0.0.1"]),
    ("LOCALHOST", &["127.0.0.1", "::1"]),
    ("six.localhost", &["::1"]),
    ("any.example", &["0.0.0.0"]),
    ("any-six.example", &["::"]),
    ("mapped.example", &["::ffff:127.0.0.1"]),
    ("compatible.example", &["::127.0.0.1"]),
    ("nat64.example", &["64:ff9b::7f00:1"]),
    ("six-to-four.example", &["2002:7f00:1::"]),
    ("teredo.example", &["2001:0:7f00:1::"]),
    ("metadata.google.internal", &["169.254.169.254"]),
    ("metadata-six.example", &["fd00:ec2::254"]),
    ("azure.example", &["168.63.129.16"]),
    ("alibaba.example", &["100.100.100.200"]),
    ("private.example", &["10.0.0.1", "172.16.0.1", "192.168.0.1"]),
    ("unique-local.example", &["fd12:3456::1"]),
    ("link-local.example", &["fe80::1"]),
    ("shared.example", &["100.64.0.1"]),
    ("multicast.example", &["224.0.0.1", "ff02::1"]),
    ("127.0.0.1.nip.example", &["127.0.0.1"]),
];

/// Counts connections and says nothing.
async fn counting_listener() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, connections)
}

#[tokio::test]
async fn a_forbidden_address_in_the_configuration_does_not_start() {
    let (port, connections) = counting_listener().await;
    let stage = Stage::set().await;
    let good = policy(&stage.upstream);
    assert!(Config::parse(&good, stage.folder()).is_ok());
    for host in LOOPBACK.into_iter().chain(ELSEWHERE) {
        let origin = format!("origin = \"https://{host}:{port}\"");
        let text =
            good.replacen(&format!("origin = \"http://{}\"", stage.upstream.address), &origin, 1);
        let text =
            text.replacen("allow_networks = [\"127.0.0.0/8\"]\n        request", "request", 1);
        let refused = Config::parse(&text, stage.folder()).expect_err(host);
        assert!(
            refused.findings().iter().any(|it| it.key == "services.stripe.origin"),
            "{host}: {refused}"
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_common_client_dials_most_spellings_of_loopback() {
    let (port, connections) = counting_listener().await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(std::time::Duration::from_millis(50))
        .build()
        .unwrap();
    for host in LOOPBACK {
        // The listener never answers; that it was connected to is all that counts.
        let _ = client.get(format!("http://{host}:{port}/")).send().await;
    }
    let dialled = connections.load(Ordering::SeqCst);
    println!("a common client dials {dialled} of {} spellings of loopback", LOOPBACK.len());
    assert!(dialled > 20, "only {dialled}");
}

#[derive(Debug)]
struct Names;

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let known: BTreeMap<_, _> =
            NAMES.into_iter().map(|(name, found)| (name.to_lowercase(), found)).collect();
        let found = known.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(found.iter().map(|it| (it.parse::<IpAddr>().unwrap(), port).into()).collect())
    }
}

/// Calls every name once. Gives the reason of each refusal.
async fn call_names(port: u16, networks: &str) -> Vec<String> {
    let upstream = Upstream::answering(json("{}")).await;
    let edit = |mut policy: String, _: &std::path::Path| {
        let mut allow = String::new();
        for (position, (name, _)) in NAMES.into_iter().enumerate() {
            write!(allow, "{{ service = \"s{position}\", scopes = [\"read\"] }}, ").unwrap();
            write!(
                policy,
                "\n[services.s{position}]\norigin = \"https://{name}:{port}\"\n\
                 secret = \"file:stripe.key\"\nallow_networks = [{networks}]\n\
                 inject = {{ header = \"authorization\", format = \"{{secret}}\" }}\n\
                 scopes.read = [{{ method = \"GET\", path = \"/x\" }}]\n"
            )
            .unwrap();
        }
        policy.replacen("allow = [\n", &format!("allow = [\n{allow}"), 1)
    };
    let stage = Stage::build(upstream, edit, |parts| {
        parts.resolver = Arc::new(Names);
        parts.limits.upstream_time = std::time::Duration::from_millis(300);
    });
    let stage = stage.await;
    for position in 0..NAMES.len() {
        let service = format!("s{position}");
        let nonce = stage.agent.mint(Wish { service: &service, scope: "read", ..READ }).await;
        let response = stage.agent.get(&nonce, &format!("/egress/{service}/x")).await;
        broker_refusal(response).await;
    }
    stage
        .audit_of("refusal")
        .iter()
        .map(|line| line["reason"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_name_that_leads_to_a_forbidden_address_is_not_dialled() {
    let (port, connections) = counting_listener().await;
    let reasons = call_names(port, "").await;
    assert_eq!(reasons, vec!["upstream_address_forbidden"; NAMES.len()]);
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    // With the network allowed, the same names and resolver do reach the listener.
    call_names(port, "\"127.0.0.0/8\"").await;
    assert_eq!(connections.load(Ordering::SeqCst), 4);
}

/// Says one thing and then another, like a DNS server that rebinds.
#[derive(Debug)]
struct Rebinding {
    answers: [Vec<SocketAddr>; 3],
    asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Rebinding {
    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.answers[asked % self.answers.len()].clone())
    }
}

// macOS has one loopback address.
#[cfg(not(target_os = "macos"))]
#[tokio::test]
async fn a_name_that_changes_its_address_between_check_and_dial_gains_nothing() {
    let upstream = Upstream::answering(json("{}")).await;
    let allowed = upstream.address;
    let forbidden = SocketAddr::from(([127, 0, 0, 2], allowed.port()));
    let mut trap = Upstream::at(forbidden);
    trap.listen("{}").await;
    // What is allowed alone, what is not alone, and both at once.
    let answers = [vec![allowed], vec![forbidden], vec![forbidden, allowed]];
    let resolver = Arc::new(Rebinding { answers, asked: AtomicUsize::new(0) });

    let edit = |policy: String, _: &std::path::Path| {
        policy
            .replace(&allowed.to_string(), &format!("localhost:{}", allowed.port()))
            .replace("127.0.0.0/8", "127.0.0.1/32")
    };
    let stage =
        Stage::build(upstream, edit, |parts| parts.resolver = Arc::clone(&resolver) as _).await;
    for turn in 0..30 {
        let nonce = stage.agent.mint(READ).await;
        let status = stage.agent.get(&nonce, CUSTOMERS).await.status();
        assert_eq!(status, if turn % 3 == 1 { 503 } else { 200 }, "{turn}");
    }
    assert_eq!(stage.upstream.arrived().len(), 20);
    assert!(trap.arrived().is_empty());
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 30, "once per request, and not again");

    // Who checks one answer and dials by the next walks into the trap.
    resolver.asked.store(0, Ordering::SeqCst);
    let checked = resolver.resolve("localhost", allowed.port()).await.unwrap();
    assert_eq!(checked, [allowed]);
    let dialled = resolver.resolve("localhost", allowed.port()).await.unwrap();
    let stream = TcpStream::connect(dialled[0]).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), forbidden);
}
