//! Upstreams that speak HTTP/2: agreed on with the keys, one connection for all, the same rules.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use agentcred_protocol::proof;
use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::agent::{READ, Wish};
use crate::stage::{REAL_KEY, Stage};
use crate::upstream::Upstream;

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

/// A request as it arrived, and how many connections there were by then.
struct Seen {
    request: Request<Bytes>,
    connections: usize,
}

/// A stage before an upstream that speaks HTTP/2 alone and echoes the key that it gets.
async fn stage() -> (Stage, Arc<Mutex<Vec<Seen>>>) {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let authority = certified.cert.pem();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.into()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::<Mutex<Vec<Seen>>>::default();
    let (kept, connections) = (Arc::clone(&seen), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            connections.fetch_add(1, Ordering::SeqCst);
            let (kept, connections) = (Arc::clone(&kept), Arc::clone(&connections));
            let service = service_fn(move |request: Request<Incoming>| {
                let (kept, connections) = (Arc::clone(&kept), Arc::clone(&connections));
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let key = head.headers["authorization"].to_str().unwrap().to_owned();
                    let request = Request::from_parts(head, body);
                    let connections = connections.load(Ordering::SeqCst);
                    kept.lock().unwrap().push(Seen { request, connections });
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(key))))
                }
            });
            let serving = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(serving);
        }
    });
    let stage = Stage::with_policy(Upstream::at(address), |policy, folder| {
        std::fs::write(folder.join("ca.pem"), authority).unwrap();
        policy.replacen(
            &format!("origin = \"http://{address}\""),
            &format!("origin = \"https://{address}\"\nca_file = \"ca.pem\""),
            1,
        )
    });
    (stage.await, seen)
}

#[tokio::test]
async fn requests_of_all_tasks_share_a_connection_and_keep_their_rules() {
    let (stage, seen) = stage().await;
    for task in ["a", "b", "a"] {
        let grant = stage.agent.try_grant(task).await.unwrap();
        let nonce = stage.agent.try_mint(&grant, READ).await.unwrap().token;
        let response = stage.agent.get(&nonce, &format!("{CUSTOMERS}?limit=3")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "Bearer [redacted]");
    }
    let seen = seen.lock().unwrap();
    for Seen { request, connections } in &*seen {
        assert_eq!(request.version(), Version::HTTP_2);
        assert_eq!(request.uri().path_and_query().unwrap(), "/v1/customers?limit=3");
        let authority = request.uri().authority().unwrap().as_str();
        assert_eq!(authority, stage.upstream.address.to_string());
        assert_eq!(request.headers()["authorization"], format!("Bearer {REAL_KEY}"));
        for name in ["host", "connection", "te", "dpop", "transfer-encoding"] {
            assert!(!request.headers().contains_key(name), "{name}");
        }
        assert_eq!(*connections, 1);
    }
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_body_is_passed_on_as_it_came() {
    let (stage, seen) = stage().await;
    let nonce = stage.agent.mint(Wish { scope: "write:refunds", ..READ }).await;
    let path = "/egress/stripe/v1/refunds";
    let request = stage
        .agent
        .request(&nonce, &Method::POST, path)
        .header(proof::HEADER, stage.agent.nonce_proof(&nonce, &Method::POST, path))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("charge=ch_1&amount=100");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].request.method(), "POST");
    assert_eq!(seen[0].request.body(), "charge=ch_1&amount=100");
    assert_eq!(seen[0].request.headers()["content-length"], "22");
}
