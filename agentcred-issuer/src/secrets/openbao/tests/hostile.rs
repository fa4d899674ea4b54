//! Servers that are slow, gone or malicious: nothing of what they say reaches anybody.

use agentcred_protocol::clock::Clock as _;
use tokio::net::TcpListener;

use super::{APPROLE, Client, client_at};
use crate::secrets::Unavailable;
use crate::secrets::stand_in::{answer, serve};

const LOGIN: &str = r#"{"auth": {"client_token": "a-token-of-a-test", "lease_duration": 3600,
    "renewable": true}}"#;

/// A client of a server that lets it log in, and answers all else like this.
async fn client_of(reply: impl Fn() -> String + Send + Sync + 'static) -> Client {
    let server = serve(move |request| {
        if request.starts_with("POST /v1/auth/approle/login") {
            answer("200 OK", LOGIN)
        } else {
            reply()
        }
    });
    client_at(&server.await, APPROLE, "the-secret-id-canary")
}

#[tokio::test]
async fn nothing_of_an_answer_is_in_an_error() {
    let repeats = r#"{"errors": ["canary: a-token-of-a-test the-secret-id-canary"]}"#;
    let huge = format!("{{\"canary\": \"{}\"}}", "canary".repeat(20_000));
    let elsewhere = answer("307 canary", repeats)
        .replace("content-type", "location: http://127.0.0.1:1/canary\r\ncontent-type");
    for reply in [
        answer("200 canary", repeats),
        answer("400 canary", repeats),
        answer("403 canary", repeats),
        answer("404 canary", repeats),
        answer("429 canary", repeats),
        answer("500 canary", repeats),
        answer("503 canary", repeats),
        answer("200 OK", &huge),
        elsewhere,
        "canary, and no HTTP\r\n\r\n".to_owned(),
    ] {
        let begins = reply.chars().take(20).collect::<String>();
        let client = client_of(move || reply.clone()).await;
        let error = client.fetch("openbao:kv/stripe#api_key").await.unwrap_err();
        let shown = format!("{error} {error:?}");
        for leaked in ["canary", "a-token"] {
            assert!(!shown.contains(leaked), "{begins}: {shown}");
        }
        assert!(shown.contains("openbao:kv/stripe#api_key"), "{begins}: {shown}");
    }
}

#[tokio::test]
async fn a_server_that_is_slow_or_gone_is_named_and_left_alone() {
    let client = client_of(String::new).await;
    assert_eq!(client.cut_off("openbao:kv/stripe#api_key").await, Unavailable::Slow);
    let asked = client.clock.now();
    assert_eq!(client.cut_off("openbao:kv/other#api_key").await, Unavailable::Slow);
    assert_eq!(client.clock.now(), asked);
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = client_at(&format!("http://{gone}"), APPROLE, "a-secret-id");
    let cause = client.cut_off("openbao:kv/stripe#api_key").await;
    assert!(matches!(cause, Unavailable::Unreachable(_)), "{cause}");
}

#[tokio::test]
async fn a_secret_comes_with_what_shows_who_asks() {
    let server = serve(|request| {
        if request.starts_with("POST /v1/auth/approle/login HTTP/1.1\r\n") {
            return answer("200 OK", LOGIN);
        }
        assert!(request.starts_with("GET /v1/kv/data/stripe HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("x-vault-token: a-token-of-a-test\r\n"), "{request}");
        assert!(request.contains("x-vault-request: true\r\n"), "{request}");
        assert!(request.contains("x-vault-namespace: payments\r\n"), "{request}");
        let secret = r#"{"data": {"data": {"api_key": "sk_live_1"}, "metadata": {"version": 3}}}"#;
        answer("200 OK", secret)
    });
    let login = format!("namespace = \"payments\"\n{APPROLE}");
    let client = client_at(&server.await, &login, "a-secret-id");
    assert_eq!(client.fetch("openbao:kv/stripe#api_key").await.unwrap(), "sk_live_1");
}
