//! Where the broker connects to, and where it does not.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use agentcred_issuer::Resolver;
use agentcred_protocol::refusal::{RETRYABLE_HEADER, RefusalCode};
use async_trait::async_trait;
use rcgen::{CertificateParams, date_time_ymd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::agent::{READ, broker_refusal};
use crate::sink::PATIENCE;
use crate::stage::{REAL_KEY, Stage};
use crate::upstream::{Upstream, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

/// The stage's configuration with another origin for `stripe`.
fn with_origin(policy: &str, upstream: &str, origin: &str) -> String {
    policy.replacen(
        &format!("origin = \"http://{upstream}\""),
        &format!("origin = \"{origin}\""),
        1,
    )
}

#[tokio::test]
async fn a_name_is_resolved_and_its_address_checked() {
    for (networks, reason) in
        [("127.0.0.0/8", None), ("10.0.0.0/8", Some("upstream_address_forbidden"))]
    {
        let upstream = Upstream::answering(json("{}")).await;
        let address = upstream.address;
        let stage = Stage::with_policy(upstream, |policy, _| {
            let origin = format!("http://localhost:{}", address.port());
            let policy = with_origin(&policy, &address.to_string(), &origin);
            policy.replacen("[\"127.0.0.0/8\"]", &format!("[\"{networks}\"]"), 1)
        });
        let stage = stage.await;
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        match reason {
            None => {
                assert_eq!(response.status(), 200);
                let host = format!("localhost:{}", address.port());
                assert_eq!(stage.upstream.arrived()[0].header("host"), [host]);
            }
            Some(reason) => {
                let refused = broker_refusal(response).await;
                assert_eq!(refused.code, RefusalCode::TemporarilyUnavailable);
                assert_eq!(stage.last_reason(), reason);
                assert!(stage.upstream.arrived().is_empty());
            }
        }
    }
}

/// Gives these addresses, whatever the name.
#[derive(Debug)]
pub(crate) struct Fixed(pub(crate) Vec<SocketAddr>);

#[async_trait]
impl Resolver for Fixed {
    async fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn an_address_that_says_nothing_is_passed_over_for_the_next_one() {
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let silent = silent.listen(0).unwrap();
    let nowhere = silent.local_addr().unwrap();
    // Its queue is full now, so that nobody else gets as much as a refusal.
    let _first = TcpStream::connect(nowhere).await.unwrap();
    let upstream = Upstream::answering(json("{}")).await;
    let address = upstream.address;
    let edit = |policy: String, _: &Path| {
        with_origin(&policy, &address.to_string(), &format!("http://localhost:{}", address.port()))
    };
    let stage = Stage::build(upstream, edit, |parts| {
        parts.resolver = Arc::new(Fixed(vec![nowhere, address]));
    });
    let stage = stage.await;
    let nonce = stage.agent.mint(READ).await;
    let calling = tokio::time::timeout(PATIENCE, stage.agent.get(&nonce, CUSTOMERS));
    assert_eq!(calling.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_certificate_of_the_right_name_authority_and_day_is_trusted_and_no_other() {
    let (_, other_authority) = Upstream::with_tls("127.0.0.1").await;
    let usual = |_: &mut CertificateParams| {};
    let over = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let to_come = |params: &mut CertificateParams| params.not_before = date_time_ymd(3020, 1, 1);
    for (name, change, authority, is_trusted) in [
        ("127.0.0.1", usual as fn(&mut _), None, true),
        ("127.0.0.2", usual, None, false),
        ("localhost", usual, None, false),
        ("127.0.0.1", usual, Some(other_authority), false),
        ("127.0.0.1", over, None, false),
        ("127.0.0.1", to_come, None, false),
    ] {
        let (upstream, own_authority) = Upstream::with_certificate(name, change).await;
        let stage = by_tls(upstream, &authority.unwrap_or(own_authority)).await;
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        if is_trusted {
            assert_eq!(response.status(), 200);
            let arrived = stage.upstream.arrived();
            assert_eq!(arrived[0].header("authorization"), [format!("Bearer {REAL_KEY}")]);
        } else {
            assert_eq!(response.headers()[RETRYABLE_HEADER], "1");
            let refused = broker_refusal(response).await;
            assert_eq!(refused.code, RefusalCode::TemporarilyUnavailable);
            assert_eq!(stage.last_reason(), "upstream_tls");
            assert!(stage.upstream.arrived().is_empty());
        }
    }
}

#[tokio::test]
async fn an_upstream_that_speaks_no_tls_gets_nothing_in_the_clear() {
    let (_, authority) = Upstream::with_tls("127.0.0.1").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = by_tls(Upstream::at(listener.local_addr().unwrap()), &authority).await;
    let received = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(json("{}").as_bytes()).await.unwrap();
        let mut received = Vec::new();
        // How it ends makes no difference.
        let _ = stream.read_to_end(&mut received).await;
        received
    });
    let nonce = stage.agent.mint(READ).await;
    broker_refusal(stage.agent.get(&nonce, CUSTOMERS).await).await;
    assert_eq!(stage.last_reason(), "upstream_tls");
    let received = received.await.unwrap();
    // A handshake (RFC 8446 section 5.1), and nothing of the request.
    assert_eq!(received.first(), Some(&22));
    assert!(!received.windows(REAL_KEY.len()).any(|it| it == REAL_KEY.as_bytes()));
}

/// A stage before this upstream, by TLS and by the word of this authority alone.
async fn by_tls(upstream: Upstream, authority: &str) -> Stage {
    let address = upstream.address.to_string();
    Stage::with_policy(upstream, |policy, folder| {
        std::fs::write(folder.join("ca.pem"), authority).unwrap();
        with_origin(&policy, &address, &format!("https://{address}\"\nca_file = \"ca.pem"))
    })
    .await
}

/// Says in a child of this test what it is to do.
const CHILD: &str = "AGENTCRED_PROXY_CHILD";

/// Whether a child that does `what` connects to the proxy that its environment names.
fn asks_the_proxy(what: &str) -> bool {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["dialling::no_proxy_of_the_environment_is_asked", "--exact"]).env(CHILD, what);
    for variable in
        ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    {
        child.env(variable, &url);
    }
    let mut child = child.env_remove("no_proxy").env_remove("NO_PROXY").spawn().unwrap();
    let mut asked = false;
    loop {
        // A connection is dropped at once, which ends the child's wait for an answer.
        asked |= proxy.accept().is_ok();
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return asked | proxy.accept().is_ok();
        }
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn no_proxy_of_the_environment_is_asked() {
    match std::env::var(CHILD).as_deref() {
        Ok("broker") => {
            let (upstream, authority) = Upstream::with_tls("127.0.0.1").await;
            for stage in [by_tls(upstream, &authority).await, Stage::set().await] {
                let nonce = stage.agent.mint(READ).await;
                assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
            }
        }
        Ok(_) => {
            let upstream = Upstream::answering(json("{}")).await;
            let asked = reqwest::Client::new().get(format!("http://{}/", upstream.address));
            assert!(asked.send().await.is_err());
            assert!(upstream.arrived().is_empty());
        }
        Err(_) => {
            assert!(asks_the_proxy("control"), "the control asks the proxy");
            assert!(!asks_the_proxy("broker"));
        }
    }
}
