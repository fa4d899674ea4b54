//! The stage of a test: a folder, an upstream, and a real issuer in front of it.

use std::path::Path;
use std::sync::Arc;

use agentcred_issuer::{Config, Parts, Server};
use agentcred_protocol::clock::{ManualClock, UnixTime};
use agentcred_protocol::key::SigningKey;
use serde_json::Value;
use tempfile::TempDir;

use crate::agent::Agent;
use crate::upstream::{Upstream, json};

/// The real key of the stage's service. Nothing but the upstream may ever see it.
pub(crate) const REAL_KEY: &str = "sk_live_9fQ2xVb7LmT4wRk8ZsYc3HdE";

/// The file, in the stage's folder, that its issuer was started from.
pub(crate) const CONFIG: &str = "issuer.toml";

pub(crate) struct Stage {
    pub(crate) upstream: Upstream,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) server: Server,
    pub(crate) agent: Agent,
    /// Another agent, which is granted nothing of the first one's.
    pub(crate) other_agent: Agent,
    folder: TempDir,
}

impl Stage {
    /// An issuer in front of an upstream that answers `{}`.
    pub(crate) async fn set() -> Self {
        Self::before(Upstream::answering(json("{}")).await).await
    }

    /// An issuer in front of this upstream.
    pub(crate) async fn before(upstream: Upstream) -> Self {
        Self::with(upstream, |_| {}).await
    }

    /// An issuer with changed parts.
    pub(crate) async fn with(upstream: Upstream, change: impl FnOnce(&mut Parts)) -> Self {
        Self::build(upstream, |policy, _| policy, change).await
    }

    /// An issuer with a changed configuration. It may lean on more files in the folder.
    pub(crate) async fn with_policy(
        upstream: Upstream,
        edit: impl FnOnce(String, &Path) -> String,
    ) -> Self {
        Self::build(upstream, edit, |_| {}).await
    }

    /// An issuer with a changed configuration and changed parts.
    pub(crate) async fn build(
        upstream: Upstream,
        edit: impl FnOnce(String, &Path) -> String,
        change: impl FnOnce(&mut Parts),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(UnixTime::from_millis(1_800_000_000_000)));
        let key = new_key(folder.path(), "billing");
        let other_key = new_key(folder.path(), "other");
        write_private(&folder.path().join("stripe.key"), REAL_KEY);
        let policy = edit(policy(&upstream), folder.path());
        let file = folder.path().join(CONFIG);
        std::fs::write(&file, policy).unwrap();
        let config = Config::load(&file).unwrap();
        let mut parts = Parts { clock: Arc::clone(&clock) as _, ..Parts::default() };
        change(&mut parts);
        let server = Server::start_with(config, parts).await.unwrap();
        let agent = Agent::new("billing", key, server.url().clone(), Arc::clone(&clock));
        let other_agent = Agent::new("other", other_key, server.url().clone(), Arc::clone(&clock));
        Self { upstream, clock, server, agent, other_agent, folder }
    }

    /// The same stage with the issuer stopped and started anew.
    pub(crate) async fn restart(mut self) -> Self {
        self.server.shutdown().await;
        let config = Config::parse(&policy(&self.upstream), self.folder.path()).unwrap();
        let parts = Parts { clock: Arc::clone(&self.clock) as _, ..Parts::default() };
        self.server = Server::start_with(config, parts).await.unwrap();
        self.agent.issuer = self.server.url().clone();
        self.other_agent.issuer = self.server.url().clone();
        self
    }

    /// Every line of the audit so far.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let text = self.audit_text();
        agentcred_issuer::audit::verify(text.as_bytes()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The audit as it stands in the file.
    pub(crate) fn audit_text(&self) -> String {
        std::fs::read_to_string(self.server.audit_file()).unwrap()
    }

    /// The audit's lines of one kind.
    pub(crate) fn audit_of(&self, event: &str) -> Vec<Value> {
        self.audit().into_iter().filter(|line| line["event"] == event).collect()
    }

    /// The reason of the last refusal.
    pub(crate) fn last_reason(&self) -> String {
        let refusals = self.audit_of("refusal");
        refusals.last().unwrap()["reason"].as_str().unwrap().to_owned()
    }

    /// Where the files of this stage are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// Makes a key and writes its public half where the configuration looks for it.
pub(crate) fn new_key(folder: &Path, name: &str) -> SigningKey {
    let key = SigningKey::ephemeral().unwrap();
    let jwk = serde_json::to_string(key.public()).unwrap();
    std::fs::write(folder.join(format!("{name}.jwk")), jwk).unwrap();
    key
}

/// The configuration of every stage before a test changes it.
pub(crate) fn policy(upstream: &Upstream) -> String {
    format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        [audit]
        file = "audit.jsonl"
        [tasks]
        max_outstanding = 100
        [proofs]
        server_nonce = "off"
        [agents.billing]
        keys = ["billing.jwk"]
        allow = [
            {{ service = "stripe", scopes = ["read:customers", "write:refunds"], max_ttl = "5m" }},
            {{ service = "ledger", scopes = ["read:entries"] }},
        ]
        [agents.other]
        keys = ["other.jwk"]
        allow = [{{ service = "ledger", scopes = ["read:entries"], max_uses = 2 }}]
        [services.stripe]
        origin = "http://{address}"
        secret = "file:stripe.key"
        inject = {{ header = "authorization", format = "Bearer {{secret}}" }}
        allow_networks = ["127.0.0.0/8"]
        request_headers = ["stripe-version"]
        [[services.stripe.scopes."read:customers"]]
        method = "GET"
        path = "/v1/customers"
        query = ["limit", "email"]
        [[services.stripe.scopes."read:customers"]]
        method = "GET"
        path = "/v1/customers/{{id}}"
        [[services.stripe.scopes."write:refunds"]]
        method = "POST"
        path = "/v1/refunds"
        [[services.stripe.scopes."write:payouts"]]
        method = "POST"
        path = "/v1/payouts"
        [services.ledger]
        origin = "http://{address}"
        secret = "file:stripe.key"
        inject = {{ header = "x-api-key", format = "{{secret}}" }}
        allow_networks = ["127.0.0.0/8"]
        [[services.ledger.scopes."read:entries"]]
        method = "GET"
        path = "/entries"
        "#,
        address = upstream.address
    )
}
