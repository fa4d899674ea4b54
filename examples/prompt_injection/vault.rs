//! The vault side of the just-in-time way: the real issuer and broker, with a policy of a few lines.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use agentcred::HttpIssuer;
use agentcred::protocol::key::SigningKey;
use agentcred_issuer::{Config, Server};
use tempfile::TempDir;
use url::Url;

use super::wire::Wire;

/// A running issuer and broker. Its files go when it is dropped.
pub(crate) struct Vault {
    pub(crate) issuer: HttpIssuer,
    _server: Server,
    _folder: TempDir,
}

impl Vault {
    /// Starts at the end of `wire`, in front of the service at `origin`, whose key it alone has.
    pub(crate) async fn start(wire: &Wire, origin: &str, key: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (agent_key, _) = SigningKey::generate()?;
        let public = serde_json::to_string(agent_key.public())?;
        write_private(&folder.path().join("crm-agent.jwk"), &public)?;
        write_private(&folder.path().join("crm.key"), key)?;

        let policy = POLICY.replace("WIRE", &wire.url()).replace("ORIGIN", origin);
        let server = Server::start(Config::parse(&policy, folder.path())?).await?;
        wire.lead_to(server.address());
        let issuer = HttpIssuer::new(Url::parse(&wire.url())?, agent_key)?;
        Ok(Self { issuer, _server: server, _folder: folder })
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Reading customers is granted, paying out is not.
const POLICY: &str = r#"
issuer = "WIRE"
[server]
listen = "127.0.0.1:0"
[audit]
file = "audit.jsonl"
[agents.crm-agent]
keys = ["crm-agent.jwk"]
allow = [{ service = "crm", scopes = ["read:customers"], max_ttl = "1m", max_uses = 1 }]
[services.crm]
origin = "ORIGIN"
secret = "file:crm.key"
inject = { header = "authorization", format = "Bearer {secret}" }
allow_networks = ["127.0.0.1/32"]
[[services.crm.scopes."read:customers"]]
method = "GET"
path = "/v1/customers/{id}"
[[services.crm.scopes."write:payouts"]]
method = "POST"
path = "/v1/payouts"
"#;
