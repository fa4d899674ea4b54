//! Logins: what the service lets in, and keys that end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::{Client, ID, KEY, Moto, client_at};
use crate::secrets::stand_in::{answer, serve};
use crate::secrets::{SecretError, write_private};

const STRIPE: &str = "aws-secretsmanager:prod/stripe";
const FOUND: &str = r#"{"SecretString": "sk_live_1", "VersionId": "v-1"}"#;

#[tokio::test]
#[ignore = "needs moto"]
async fn a_key_opens_what_its_policy_allows_and_is_read_anew_when_it_was_replaced() {
    let moto = Moto::start().await;
    moto.put("prod/stripe", "sk_live_1").await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue", "Resource": "*" }] });
    let issuer = moto.user("issuer", Some(&policy)).await;
    let other = moto.user("somebody-else", None).await;
    moto.look_at_keys().await;
    let (id, secret) = issuer.split_once(':').unwrap();
    let altered: String = secret.chars().rev().collect();
    let client = client_at(moto.address(), KEY, ID);
    for wrong in [ID.to_owned(), other, format!("{id}:{altered}")] {
        write_private(&client.folder.path().join("id"), &wrong);
        // Moto says so in a form of its own; AWS's are told apart by the server that is malicious.
        let refused = client.fetch(STRIPE).await.unwrap_err();
        assert!(matches!(refused, SecretError::LoginRefused { .. }), "{refused}");
        assert!(!format!("{refused} {refused:?}").contains(&wrong));
    }
    write_private(&client.folder.path().join("id"), &issuer);
    assert_eq!(client.fetch(STRIPE).await.unwrap(), "sk_live_1");
}

#[tokio::test]
#[ignore = "needs moto"]
async fn a_web_identity_is_lent_a_key() {
    let moto = Moto::start().await;
    moto.put("prod/stripe", "sk_live_1").await;
    let client = client_at(moto.address(), &web_identity(moto.address()), "a-token-of-a-test");
    assert_eq!(client.fetch(STRIPE).await.unwrap(), "sk_live_1");
}

fn web_identity(endpoint: &str) -> String {
    format!(
        "[secrets.aws.web_identity]\nrole = \"arn:aws:iam::123456789012:role/agentcred\"\n\
         token_file = \"id\"\nendpoint = \"{endpoint}\""
    )
}

fn lent(number: usize, ends: &str) -> String {
    format!(
        "<R><AccessKeyId>ASIAEXAMPLE{number}</AccessKeyId><SecretAccessKey>canary</SecretAccessKey>\
         <SessionToken>canary</SessionToken><Expiration>{ends}</Expiration></R>"
    )
}

/// A client of a server that lends keys, counts them and answers each by what `reply` says. They
/// are good for an hour.
async fn borrower(
    reply: impl Fn(&str) -> String + Send + Sync + 'static,
) -> (Client, Arc<AtomicUsize>) {
    let lends = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lends);
    let server = serve(move |request| {
        if request.contains("x-www-form-urlencoded") {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            return answer("200 OK", &lent(number, "2027-01-15T09:00:00Z"));
        }
        reply(request)
    });
    let server = server.await;
    (client_at(&server, &web_identity(&server), "a-token-of-a-test"), lends)
}

#[tokio::test]
async fn a_lent_key_serves_all_and_another_is_asked_for_before_it_ends() {
    let (client, lends) = borrower(|request| {
        assert!(request.contains("x-amz-security-token: canary\r\n"), "{request}");
        answer("200 OK", FOUND)
    })
    .await;
    for fetched in join_all((0..32).map(|_| client.fetch(STRIPE))).await {
        assert_eq!(fetched.unwrap(), "sk_live_1");
    }
    client.clock.advance(Duration::from_mins(54));
    client.fetch(STRIPE).await.unwrap();
    assert_eq!(lends.load(Ordering::SeqCst), 1);
    client.clock.advance(Duration::from_mins(2));
    client.fetch(STRIPE).await.unwrap();
    assert_eq!(lends.load(Ordering::SeqCst), 2);
    // What opens the role is gone, and the key that is there is good until it ends.
    std::fs::remove_file(client.folder.path().join("id")).unwrap();
    client.fetch(STRIPE).await.unwrap();
    client.clock.advance(Duration::from_mins(5));
    let error = client.fetch(STRIPE).await.unwrap_err();
    assert!(error.to_string().starts_with("file:"), "{error}");
}

#[tokio::test]
async fn a_lent_key_that_is_refused_is_replaced_once() {
    let (client, lends) = borrower(|request| {
        if request.contains("ASIAEXAMPLE0") {
            answer("400 Bad Request", r#"{"__type": "ExpiredTokenException"}"#)
        } else {
            answer("200 OK", FOUND)
        }
    })
    .await;
    // A new one is not replaced: there would be no end to it.
    let refused = client.fetch(STRIPE).await.unwrap_err();
    assert!(matches!(refused, SecretError::LoginRefused { .. }), "{refused}");
    assert_eq!(lends.load(Ordering::SeqCst), 1);
    client.clock.advance(Duration::from_secs(6));
    assert_eq!(client.fetch(STRIPE).await.unwrap(), "sk_live_1");
    assert_eq!(lends.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_that_the_role_does_not_take_is_refused_and_not_repeated() {
    let reply = |_: &str| answer("403 canary", "<Message>canary a-token-of-a-test</Message>");
    let server = serve(reply).await;
    let client = client_at(&server, &web_identity(&server), "a-token-of-a-test");
    let refused = client.fetch(STRIPE).await.unwrap_err();
    assert!(matches!(refused, SecretError::LoginRefused { .. }), "{refused}");
    let shown = format!("{refused} {refused:?}");
    assert!(!shown.contains("canary") && !shown.contains("a-token"), "{shown}");
}

#[tokio::test]
async fn a_machine_is_lent_the_key_of_its_role_by_the_second_version_of_its_service() {
    let server = serve(|request| {
        let has_token = request.contains("x-aws-ec2-metadata-token: a-token-of-a-test\r\n");
        let line = request.lines().next().unwrap();
        match line.split(' ').nth(1).unwrap() {
            "/latest/api/token" if line.starts_with("PUT ") => {
                assert!(request.contains("x-aws-ec2-metadata-token-ttl-seconds: 60\r\n"));
                answer("200 OK", "a-token-of-a-test")
            }
            "/latest/meta-data/iam/security-credentials/" if has_token => {
                answer("200 OK", "agentcred")
            }
            "/latest/meta-data/iam/security-credentials/agentcred" if has_token => {
                let lent = json!({ "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "canary",
                    "Token": "of-the-machine", "Expiration": "2027-01-15T09:00:00Z" });
                answer("200 OK", &lent.to_string())
            }
            "/" if request.contains("x-amz-security-token: of-the-machine\r\n") => {
                answer("200 OK", FOUND)
            }
            _ => answer("401 Unauthorized", ""),
        }
    });
    let server = server.await;
    let login = format!("[secrets.aws.instance]\nendpoint = \"{server}\"");
    let client = client_at(&server, &login, "unused-by-this-login");
    assert_eq!(client.fetch(STRIPE).await.unwrap(), "sk_live_1");
}
