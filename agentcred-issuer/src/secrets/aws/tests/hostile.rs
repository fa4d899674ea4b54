//! Servers that are slow, gone or malicious: nothing of what they say reaches anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;

use super::{Client, ID, KEY, client_at};
use crate::secrets::stand_in::{answer, serve};
use crate::secrets::{SecretError, Unavailable};

const STRIPE: &str = "aws-secretsmanager:prod/stripe";

async fn client_of(reply: impl Fn() -> String + Send + Sync + 'static) -> Client {
    client_at(&serve(move |_| reply()).await, KEY, ID)
}

#[tokio::test]
async fn errors_are_told_apart_and_nothing_of_an_answer_is_in_one() {
    let huge = format!("{{\"canary\": \"{}\"}}", "canary".repeat(20_000));
    let of = |code: &str| format!(r#"{{"__type": "{code}", "message": "canary {ID}"}}"#);
    for (status, body, says) in [
        ("400 canary", of("AccessDeniedException"), "policy does not allow it"),
        ("400 canary", of("DecryptionFailure"), "policy does not allow it"),
        ("400 canary", of("ResourceNotFoundException"), "is not set"),
        ("400 canary", of("InvalidRequestException"), "is not set"),
        ("400 canary", of("ThrottlingException"), "asked too often"),
        ("400 canary", of("UnrecognizedClientException"), "login with 400"),
        ("403 canary", of("ExpiredTokenException"), "login with 403"),
        ("400 canary", of("canary"), "login with 400"),
        ("403 canary", "canary".to_owned(), "login with 403"),
        ("429 canary", "canary".to_owned(), "asked too often"),
        ("500 canary", of("InternalServiceError"), "answered with 500"),
        ("503 canary", "canary".to_owned(), "answered with 503"),
        ("307 canary", "canary".to_owned(), "answered with 307"),
        ("200 OK", of("canary"), "unknown form"),
        ("200 OK", huge, "unknown form"),
    ] {
        let reply = answer(status, &body);
        let client = client_of(move || reply.clone()).await;
        let error = client.fetch(STRIPE).await.unwrap_err();
        assert!(error.to_string().contains(says), "{status}: {error}");
        let shown = format!("{error} {error:?} {:?}", client.stores);
        assert!(!shown.contains("canary") && !shown.contains(ID), "{status}: {shown}");
        assert!(shown.contains(STRIPE), "{status}: {shown}");
    }
    let client = client_of(|| "canary, and no HTTP\r\n\r\n".to_owned()).await;
    assert_eq!(client.cut_off(STRIPE).await, Unavailable::BrokeOff);
}

#[tokio::test]
async fn a_server_that_is_busy_is_left_alone_for_a_while_and_used_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let client = client_of(move || match counted.fetch_add(1, Ordering::SeqCst) {
        0 => answer("400 Bad Request", r#"{"__type": "ThrottlingException"}"#),
        _ => answer("200 OK", r#"{"SecretString": "sk_live_1", "VersionId": "v-1"}"#),
    });
    let client = client.await;
    assert_eq!(client.cut_off(STRIPE).await, Unavailable::Busy);
    assert_eq!(client.cut_off(STRIPE).await, Unavailable::Busy);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    client.clock.advance(Duration::from_secs(1));
    assert_eq!(client.fetch(STRIPE).await.unwrap(), "sk_live_1");
}

#[tokio::test]
async fn a_server_that_is_slow_or_gone_is_named() {
    let client = client_of(String::new).await;
    assert_eq!(client.cut_off(STRIPE).await, Unavailable::Slow);
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = client_at(&format!("http://{gone}"), KEY, ID);
    let cause = client.cut_off(STRIPE).await;
    assert_eq!(cause.to_string(), "cannot be reached (no connection)");
}

#[tokio::test]
async fn a_request_is_signed_and_the_key_is_not_in_it() {
    let server = serve(|request| {
        assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("x-amz-target: secretsmanager.GetSecretValue\r\n"), "{request}");
        let signed = "/eu-central-1/secretsmanager/aws4_request, \
                      SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=";
        assert!(request.contains(signed), "{request}");
        assert!(!request.contains("canary"), "{request}");
        answer("200 OK", r#"{"SecretString": "sk_live_1", "VersionId": "v-1"}"#)
    });
    let client = client_at(&server.await, KEY, ID);
    assert_eq!(client.fetch(STRIPE).await.unwrap(), "sk_live_1");
}

#[tokio::test]
async fn a_key_that_is_none_is_named_by_its_own_place() {
    let client = client_at("http://127.0.0.1:1", KEY, "canary-of-one-part");
    let error = client.fetch(STRIPE).await.unwrap_err();
    assert!(matches!(error, SecretError::Unusable { .. }), "{error}");
    assert!(error.to_string().starts_with("file:"), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
}
