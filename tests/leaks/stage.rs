//! The stage of a test: a hostile upstream, the real issuer in front of it, and a tap on the wire
//! to the agent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentcred::HttpIssuer;
use agentcred::protocol::clock::{Clock as _, SystemClock};
use agentcred::protocol::key::SigningKey;
use agentcred::protocol::token::NonceToken;
use agentcred_issuer::ledger::{Ledger as _, MemoryLedger, Standing};
use agentcred_issuer::{Config, Parts, Server};
use aws_lc_rs::rand::SystemRandom;
use serde_json::Value;
use tempfile::TempDir;

use crate::tap::{Heard, Tap};
use crate::upstream::Upstream;

/// The real key. Nothing but the upstream may ever see it.
pub(crate) const REAL_KEY: &str = "sk_live_9fQ2xVb7LmT4wRk8ZsYc3HdE";

/// A running vault side. It ends with the test.
pub(crate) struct Stage {
    tap: Tap,
    ledger: Arc<MemoryLedger>,
    server: Server,
    _upstream: Upstream,
    folder: TempDir,
}

impl Stage {
    /// The issuer in front of an upstream that answers each request with what `answer` makes of
    /// its head.
    pub(crate) async fn set(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, private) = SigningKey::generate().unwrap();
        let public = serde_json::to_string(key.public()).unwrap();
        std::fs::write(folder.path().join("crowd.jwk"), public).unwrap();
        write_private(&folder.path().join(AGENT_KEY), &private);
        write_private(&folder.path().join("crm.key"), REAL_KEY);
        let upstream = Upstream::start(answer).await;
        let tap = Tap::listen().await;
        let policy = format!(
            r#"
            issuer = "http://{tap}"
            [server]
            listen = "127.0.0.1:0"
            [audit]
            file = "audit.jsonl"
            [agents.crowd]
            keys = ["crowd.jwk"]
            allow = [{{ service = "crm", scopes = ["read:records"], max_ttl = "5m", max_uses = 3 }}]
            [services.crm]
            origin = "http://{upstream}"
            secret = "file:crm.key"
            inject = {{ header = "authorization", format = "Bearer {{secret}}" }}
            allow_networks = ["127.0.0.1/32"]
            [[services.crm.scopes."read:records"]]
            method = "GET"
            path = "/v1/records/{{id}}"
            "#,
            tap = tap.address,
            upstream = upstream.address,
        );
        let config = Config::parse(&policy, folder.path()).unwrap();
        let ledger = Arc::new(MemoryLedger::new(&SystemRandom::new()).unwrap());
        let parts = Parts { ledger: Some(Arc::clone(&ledger) as _), ..Parts::default() };
        let server = Server::start_with(config, parts).await.unwrap();
        tap.connect_to(server.address());
        Self { tap, ledger, server, _upstream: upstream, folder }
    }

    /// Where agents reach the vault side.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.tap.address)
    }

    /// The file with the private key of the agent `crowd`.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join(AGENT_KEY)
    }

    /// The vault side as the agent `crowd` reaches it.
    pub(crate) fn issuer(&self) -> HttpIssuer {
        let key = std::fs::read_to_string(self.key_file()).unwrap();
        HttpIssuer::new(self.url().parse().unwrap(), SigningKey::read(&key).unwrap()).unwrap()
    }

    /// What went over the wire between agent and vault side.
    pub(crate) fn heard(&self) -> &Heard {
        &self.tap.heard
    }

    /// How many of the nonces that went over the wire the ledger would still honour.
    pub(crate) async fn live(&self) -> usize {
        let mut live = 0;
        for nonce in self.heard().nonces() {
            let nonce = NonceToken::parse(nonce).unwrap();
            let known = self.ledger.find(&nonce, SystemClock.now()).await.unwrap();
            live += usize::from(known.is_some_and(|nonce| nonce.standing == Standing::Live));
        }
        live
    }

    /// The audit's file.
    pub(crate) fn audit_file(&self) -> &Path {
        self.server.audit_file()
    }

    /// The audit as it stands in the file.
    pub(crate) fn audit_text(&self) -> String {
        std::fs::read_to_string(self.audit_file()).unwrap()
    }

    /// The audit's lines that tell of `event`.
    pub(crate) fn audited(&self, event: &str) -> Vec<Value> {
        let text = self.audit_text();
        agentcred_issuer::audit::verify(text.as_bytes()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == event).collect()
    }
}

const AGENT_KEY: &str = "crowd.private.jwk";

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}
