//! The suite against a real OpenBao, each login, and a server that is down or answers with malice.

#[path = "../../../tests/stores/bao.rs"]
mod bao;
mod hostile;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::secrets::client::Client;
use crate::secrets::stand_in::{answer, serve};
use crate::secrets::suite::{self, Shelf};
use crate::secrets::{SecretError, SecretRef, SecretStore, Unavailable, write_private};
use bao::Bao;

const APPROLE: &str = "[secrets.openbao.approle]\nrole_id = \"ROLE\"\nsecret_id_file = \"id\"";

/// A client with a login and what that one reads from the file `id`.
fn client_at(address: &str, login: &str, id: &str) -> Client {
    let openbao = format!("[secrets.openbao]\naddress = \"{address}\"\ntimeout = \"1s\"");
    Client::new(&format!("{openbao}\n{login}"), id)
}

async fn application(bao: &Bao, role: Value) -> Client {
    let made = bao.application(role).await;
    let login = APPROLE.replace("ROLE", &made.role_id);
    client_at(bao.address(), &login, &made.secret_id)
}

struct Engine {
    bao: Bao,
    client: Client,
}

impl Shelf for Engine {
    fn store(&self) -> Arc<dyn SecretStore> {
        Arc::clone(&self.client.stores) as _
    }

    fn reference(&self, name: &str) -> SecretRef {
        SecretRef::read(&format!("openbao:kv/suite/{name}#key"), Path::new("")).unwrap()
    }

    async fn put(&self, name: &str, text: &str) {
        self.bao.put(&format!("kv/suite/{name}"), "key", text).await;
    }

    async fn remove(&self, name: &str) {
        self.bao.delete(&format!("kv/data/suite/{name}")).await;
    }
}

#[tokio::test]
#[ignore = "needs OpenBao"]
async fn it_passes_the_suite_and_one_login_serves_it_all() {
    let bao = Bao::start().await;
    let client = application(&bao, json!({ "token_ttl": "1h" })).await;
    let engine = Engine { bao, client };
    suite::run(&engine).await;
    assert_eq!(engine.bao.logins().await.len(), 1);
}

#[tokio::test]
#[ignore = "needs OpenBao"]
async fn versions_are_known() {
    let bao = Bao::start().await;
    let client = application(&bao, json!({})).await;
    let reference = SecretRef::read("openbao:kv/stripe#api_key", Path::new("")).unwrap();
    for version in ["1", "2", "3"] {
        bao.put("kv/stripe", "api_key", &format!("sk_live_{version}")).await;
        let secret = client.stores.fetch(&reference).await.unwrap();
        assert_eq!(secret.version(), Some(version));
    }
    let missing = client.fetch("openbao:kv/stripe#other").await.unwrap_err();
    assert_eq!(missing.to_string(), "openbao:kv/stripe#other is not set");
    bao.write("kv/data/stripe", json!({ "data": { "api_key": 7 } })).await;
    let number = client.fetch("openbao:kv/stripe#api_key").await.unwrap_err();
    assert_eq!(number.to_string(), "openbao:kv/stripe#api_key is no text");
}

#[tokio::test]
#[ignore = "needs OpenBao"]
async fn a_token_is_renewed_in_time_and_replaced_at_the_end_of_its_days() {
    let bao = Bao::start().await;
    let role = json!({ "token_ttl": "60s", "token_max_ttl": "90s" });
    let client = application(&bao, role).await;
    bao.put("kv/stripe", "api_key", "sk_live_1").await;
    client.fetch("openbao:kv/stripe#api_key").await.unwrap();
    let first = bao.logins().await;
    // Two thirds of its life are over by the issuer's clock, and it is asked to renew it.
    client.clock.advance(Duration::from_secs(41));
    client.fetch("openbao:kv/stripe#api_key").await.unwrap();
    let renewed = bao.logins().await;
    assert_eq!((first.len(), renewed.len()), (1, 1));
    assert!(first[0]["last_renewal_time"].is_null(), "{first:?}");
    assert!(renewed[0]["last_renewal_time"].is_u64(), "{renewed:?}");
    // By the issuer's clock it has ended: there is nothing to renew.
    client.clock.advance(Duration::from_mins(5));
    client.fetch("openbao:kv/stripe#api_key").await.unwrap();
    assert_eq!(bao.logins().await.len(), 2);
}

#[tokio::test]
#[ignore = "needs OpenBao"]
async fn a_token_that_was_revoked_is_replaced_once_for_all_who_wait() {
    let bao = Bao::start().await;
    let client = application(&bao, json!({ "token_ttl": "1h" })).await;
    bao.put("kv/stripe", "api_key", "sk_live_1").await;
    client.fetch("openbao:kv/stripe#api_key").await.unwrap();
    let login = bao.logins().await.remove(0);
    let accessor = json!({ "accessor": login["accessor"] });
    bao.write("auth/token/revoke-accessor", accessor).await;
    assert_eq!(bao.logins().await.len(), 0);
    client.clock.advance(Duration::from_secs(6));
    let fetching = (0..32).map(|_| client.fetch("openbao:kv/stripe#api_key"));
    for fetched in futures_util::future::join_all(fetching).await {
        assert_eq!(fetched.unwrap(), "sk_live_1");
    }
    assert_eq!(bao.logins().await.len(), 1);
}

#[tokio::test]
#[ignore = "needs OpenBao"]
async fn what_the_policy_does_not_allow_is_refused_without_a_storm_of_logins() {
    let bao = Bao::start().await;
    let client = application(&bao, json!({})).await;
    bao.write("sys/mounts/other", json!({ "type": "kv", "options": { "version": "2" } })).await;
    bao.put("other/stripe", "api_key", "sk_live_canary").await;
    for _ in 0..8 {
        let refused = client.fetch("openbao:other/stripe#api_key").await.unwrap_err();
        assert!(matches!(refused, SecretError::Denied { .. }), "{refused}");
    }
    assert_eq!(bao.logins().await.len(), 1);
}

#[tokio::test]
#[ignore = "needs OpenBao"]
async fn a_sealed_server_is_named_left_alone_for_a_while_and_used_again() {
    let bao = Bao::start().await;
    let client = application(&bao, json!({})).await;
    bao.put("kv/stripe", "api_key", "sk_live_1").await;
    client.fetch("openbao:kv/stripe#api_key").await.unwrap();
    bao.seal().await;
    assert_eq!(client.cut_off("openbao:kv/stripe#api_key").await, Unavailable::Sealed);
    bao.unseal().await;
    // It is not asked again at once.
    assert_eq!(client.cut_off("openbao:kv/stripe#api_key").await, Unavailable::Sealed);
    client.clock.advance(Duration::from_secs(1));
    assert_eq!(client.fetch("openbao:kv/stripe#api_key").await.unwrap(), "sk_live_1");
}

#[tokio::test]
#[ignore = "needs OpenBao"]
async fn a_token_from_a_file_logs_in_and_is_read_anew_when_it_died() {
    let bao = Bao::start().await;
    bao.allow("agentcred", "kv/data/*").await;
    bao.put("kv/stripe", "api_key", "sk_live_1").await;
    let token = async || {
        let body = json!({ "policies": ["agentcred"], "ttl": "1h" });
        let made = bao.write("auth/token/create", body).await;
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    };
    let first = token().await;
    let client = client_at(bao.address(), "token_file = \"id\"", &format!("{first}\n"));
    client.fetch("openbao:kv/stripe#api_key").await.unwrap();
    bao.write("auth/token/revoke", json!({ "token": first })).await;
    client.clock.advance(Duration::from_secs(6));
    let refused = client.fetch("openbao:kv/stripe#api_key").await.unwrap_err();
    assert!(matches!(refused, SecretError::LoginRefused { .. }), "{refused}");
    assert!(!format!("{refused} {refused:?}").contains(&first));
    write_private(&client.folder.path().join("id"), &token().await);
    assert_eq!(client.fetch("openbao:kv/stripe#api_key").await.unwrap(), "sk_live_1");
    std::fs::remove_file(client.folder.path().join("id")).unwrap();
    client.clock.advance(Duration::from_hours(2));
    let missing = client.fetch("openbao:kv/stripe#api_key").await.unwrap_err();
    assert!(missing.to_string().starts_with("file:"), "{missing}");
}

#[tokio::test]
#[ignore = "needs OpenBao"]
async fn a_signed_token_logs_in() {
    let bao = Bao::start().await;
    bao.allow("agentcred", "kv/data/*").await;
    bao.put("kv/stripe", "api_key", "sk_live_1").await;
    let key = rcgen::KeyPair::generate().unwrap();
    bao.write("sys/auth/workloads/jwt", json!({ "type": "jwt" })).await;
    let trusted = json!({ "jwt_validation_pubkeys": [key.public_key_pem()] });
    bao.write("auth/workloads/jwt/config", trusted).await;
    let role = json!({ "role_type": "jwt", "user_claim": "sub", "bound_audiences": "openbao",
        "token_policies": "agentcred", "bound_subject": "issuer" });
    bao.write("auth/workloads/jwt/role/agentcred", role).await;
    let signing = jsonwebtoken::EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
    let signed = |subject: &str| {
        let claims = json!({ "sub": subject, "aud": "openbao", "iat": 1_700_000_000, "exp": 4_000_000_000_u64 });
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
        jsonwebtoken::encode(&header, &claims, &signing).unwrap()
    };
    let login = "[secrets.openbao.jwt]\nmount = \"workloads/jwt\"\nrole = \"agentcred\"\n\
                 jwt_file = \"id\"";
    let client = client_at(bao.address(), login, &signed("issuer"));
    assert_eq!(client.fetch("openbao:kv/stripe#api_key").await.unwrap(), "sk_live_1");
    let other = client_at(bao.address(), login, &signed("somebody-else"));
    let refused = other.fetch("openbao:kv/stripe#api_key").await.unwrap_err();
    assert!(matches!(refused, SecretError::LoginRefused { .. }), "{refused}");
}

#[tokio::test]
#[ignore = "needs OpenBao"]
async fn a_service_account_logs_in_with_a_file_that_others_can_read() {
    // The part of Kubernetes that OpenBao asks: whose token it was shown.
    let kubernetes = serve(|request| {
        assert!(request.starts_with("POST /apis/authentication.k8s.io/v1/tokenreviews"));
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "status": { "authenticated": true, "user": { "uid": "1",
            "username": "system:serviceaccount:payments:issuer" } } });
        answer("201 Created", &review.to_string())
    });
    let kubernetes = kubernetes.await;
    let bao = Bao::start().await;
    bao.allow("agentcred", "kv/data/*").await;
    bao.put("kv/stripe", "api_key", "sk_live_1").await;
    bao.write("sys/auth/kubernetes", json!({ "type": "kubernetes" })).await;
    let key = rcgen::KeyPair::generate().unwrap();
    let signing = jsonwebtoken::EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
    let claims = json!({ "iss": "kubernetes/serviceaccount", "iat": 1_700_000_000, "exp": 4_000_000_000_u64,
        "kubernetes.io/serviceaccount/namespace": "payments",
        "kubernetes.io/serviceaccount/service-account.name": "issuer",
        "kubernetes.io/serviceaccount/service-account.uid": "1",
        "kubernetes.io/serviceaccount/secret.name": "issuer-token" });
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
    let jwt = jsonwebtoken::encode(&header, &claims, &signing).unwrap();
    let ca = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    let reviewer = json!({ "kubernetes_host": kubernetes, "token_reviewer_jwt": jwt,
        "disable_local_ca_jwt": true, "kubernetes_ca_cert": ca.pem() });
    bao.write("auth/kubernetes/config", reviewer).await;
    let role = json!({ "bound_service_account_names": "issuer", "token_policies": "agentcred",
        "bound_service_account_namespaces": "payments" });
    bao.write("auth/kubernetes/role/agentcred", role).await;
    let login = "[secrets.openbao.kubernetes]\nrole = \"agentcred\"\njwt_file = \"id\"";
    let client = client_at(bao.address(), login, &jwt);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = client.folder.path().join("id");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    assert_eq!(client.fetch("openbao:kv/stripe#api_key").await.unwrap(), "sk_live_1");
}

#[tokio::test]
#[ignore = "needs OpenBao"]
async fn a_namespace_and_a_mount_of_several_segments_are_found() {
    let bao = Bao::start().await;
    bao.write("sys/namespaces/payments", json!({})).await;
    bao.write("payments/sys/mounts/team/kv", json!({ "type": "kv-v2" })).await;
    let secret = json!({ "data": { "api_key": "sk_live_1" } });
    bao.write("payments/team/kv/data/eu/stripe", secret).await;
    let login = "namespace = \"payments\"\nmounts = [\"team\", \"team/kv\"]\ntoken_file = \"id\"";
    let client = client_at(bao.address(), login, &bao.root_token);
    let fetched = client.fetch("openbao:team/kv/eu/stripe#api_key").await;
    assert_eq!(fetched.unwrap(), "sk_live_1");
}
