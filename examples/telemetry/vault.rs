//! The vault side of the example: the real issuer and broker, in front of a service of one route.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use agentcred::HttpIssuer;
use agentcred::protocol::key::SigningKey;
use agentcred::protocol::random::fresh_id;
use agentcred_issuer::{Config, Server};
use axum::Router;
use axum::http::{StatusCode, Uri};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use url::Url;

/// A running vault side. Its files go when it is dropped.
pub(crate) struct Vault {
    pub(crate) issuer: HttpIssuer,
    /// The real key.
    pub(crate) key: String,
    server: Server,
    _folder: TempDir,
}

impl Vault {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let key = format!("sk_crm_{}", fresh_id()?);
        let (agent_key, _) = SigningKey::generate()?;
        let public = serde_json::to_string(agent_key.public())?;
        write_private(&folder.path().join("crm-agent.jwk"), &public)?;
        write_private(&folder.path().join("crm.key"), &key)?;

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let policy = POLICY.replace("ORIGIN", &format!("http://{}", listener.local_addr()?));
        let routes = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let server = Server::start(Config::parse(&policy, folder.path())?).await?;
        let issuer = HttpIssuer::new(Url::parse(server.url().as_str())?, agent_key)?;
        Ok(Self { issuer, key, server, _folder: folder })
    }

    /// What the audit holds of mints and uses.
    pub(crate) fn audit(&self) -> anyhow::Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.server.audit_file())?;
        let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        let told = |line: &Value| line["event"] == "mint" || line["event"] == "use";
        Ok(lines?.into_iter().filter(told).collect())
    }
}

async fn answer(uri: Uri) -> (StatusCode, String) {
    if uri.path().ends_with("missing") {
        return (StatusCode::NOT_FOUND, "no such customer".to_owned());
    }
    (StatusCode::OK, CUSTOMERS_NAME.to_owned())
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// What the service answers, which belongs into no trace.
pub(crate) const CUSTOMERS_NAME: &str = "Ada Canary Lovelace";

const POLICY: &str = r#"
[server]
listen = "127.0.0.1:0"
[audit]
file = "audit.jsonl"
[agents.crm-agent]
keys = ["crm-agent.jwk"]
allow = [{ service = "crm", scopes = ["read:customers"], max_ttl = "1m", max_uses = 2 }]
[services.crm]
origin = "ORIGIN"
secret = "file:crm.key"
inject = { header = "authorization", format = "Bearer {secret}" }
allow_networks = ["127.0.0.1/32"]
[[services.crm.scopes."read:customers"]]
method = "GET"
path = "/v1/customers/{id}"
"#;
