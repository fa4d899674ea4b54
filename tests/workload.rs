//! An agent without a key of its own: its platform keeps a token in a file, which the runtime reads
//! anew for every task.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use agentcred::{Agent, HttpIssuer, Toolbox};
use agentcred_issuer::{Config, Server};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const BILLING: &str = "spiffe://corp.example/billing";

const CONFIG: &str = r#"
server.listen = "127.0.0.1:0"
audit.file = "audit.jsonl"
[assertion_issuers.mesh]
trust_domain = "corp.example"
audience = "https://vault.example"
jwks_file = "mesh.jwks"
[agents.billing]
subjects = ["mesh:spiffe://corp.example/billing"]
"#;

/// A platform that signs tokens.
struct Platform(EncodingKey);

impl Platform {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self(EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()))
    }

    fn key_set(&self) -> String {
        let jwk = Jwk::from_encoding_key(&self.0, Algorithm::ES256).unwrap();
        json!({ "keys": [jwk] }).to_string()
    }

    /// Writes a token that is good for some seconds from now, or was until then.
    fn write(&self, file: &Path, seconds: i64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let expires = now.saturating_add_signed(seconds);
        let claims = json!({ "sub": BILLING, "aud": ["https://vault.example"], "exp": expires });
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.0);
        std::fs::write(file, token.unwrap()).unwrap();
    }
}

#[tokio::test]
async fn the_token_of_the_moment_opens_the_task() {
    let folder = tempfile::tempdir().unwrap();
    let platform = Platform::new();
    std::fs::write(folder.path().join("mesh.jwks"), platform.key_set()).unwrap();
    let server = Server::start(Config::parse(CONFIG, folder.path()).unwrap()).await.unwrap();
    let file = folder.path().join("token");
    let agent = |id: &str| {
        let issuer = HttpIssuer::with_assertion_file(server.url().clone(), &file).unwrap();
        Agent::builder(id).issuer(issuer).tools(Toolbox::new()).build().unwrap()
    };
    let billing = agent("billing");
    // There is no file yet, then one whose token is over, then good ones.
    let missing = billing.task("task-1").await.err().unwrap().to_string();
    assert!(missing.contains("token cannot be read"), "{missing}");
    platform.write(&file, -10);
    assert!(billing.task("task-1").await.err().unwrap().to_string().contains("invalid_client"));
    for task in ["task-1", "task-2"] {
        platform.write(&file, 300);
        billing.task(task).await.unwrap().finish().await.unwrap();
    }
    // The workload is one agent, whatever a program says that it is.
    assert!(agent("other").task("task-3").await.is_err());
    let audit = std::fs::read_to_string(server.audit_file()).unwrap();
    let lines = audit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let subjects: Vec<_> =
        lines.filter(|line| line["event"] == "task").map(|line| line["subject"].clone()).collect();
    assert_eq!(subjects, [format!("mesh:{BILLING}"), format!("mesh:{BILLING}")]);
}
