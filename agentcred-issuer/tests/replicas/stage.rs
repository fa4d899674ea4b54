//! The stage: PostgreSQL, an upstream, and issuers that share the first in front of the second.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use agentcred_protocol::key::SigningKey;
use serde_json::Value;
use tempfile::TempDir;

use crate::agent::Agent;
use crate::cluster::{Cluster, PASSWORD, done};
use crate::upstream::{Upstream, json};

pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) upstream: Upstream,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) agent: Agent,
    folder: TempDir,
}

/// One issuer: its process, and what it needs to be started again.
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    pub(crate) config: PathBuf,
    audit: PathBuf,
    process: Mutex<Option<Child>>,
}

impl Stage {
    /// So many issuers.
    pub(crate) async fn of(replicas: usize) -> Self {
        Self::with(replicas, |text| text).await
    }

    /// So many issuers whose configuration is edited before each is started.
    pub(crate) async fn with(replicas: usize, edit: impl Fn(String) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Cluster::start();
        cluster.create("ledger");
        let upstream = Upstream::answering(json("{}")).await;
        let key = SigningKey::ephemeral().unwrap();
        let public = serde_json::to_string(key.public()).unwrap();
        std::fs::write(folder.path().join("billing.jwk"), public).unwrap();
        write_private(&folder.path().join("stripe.key"), "sk_live_9fQ2xVb7LmT4wRk8ZsYc3HdE");
        write_private(&folder.path().join("db.password"), PASSWORD);
        write_private(&folder.path().join("ledger.key"), &"k".repeat(32));
        write_private(&folder.path().join("nonce.key"), &"n".repeat(32));
        let issuer = "https://vault.example/";
        let mut stage = Self {
            agent: Agent::new(key, issuer.parse().unwrap()),
            replicas: Vec::new(),
            cluster,
            upstream,
            folder,
        };
        for name in ["a", "b", "c"].into_iter().take(replicas) {
            let replica = stage.configure(name, issuer, &edit);
            if stage.replicas.is_empty() {
                done(command().arg("migrate").arg("--config").arg(&replica.config));
            }
            stage.replicas.push(replica);
        }
        for replica in &stage.replicas {
            replica.start();
        }
        stage
    }

    fn configure(&self, name: &str, issuer: &str, edit: impl Fn(String) -> String) -> Replica {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut text = include_str!("issuer.toml")
            .replace("https://vault.example/", issuer)
            .replace("127.0.0.1:8420", &address.to_string())
            .replace("\"a\"", &format!("{name:?}"))
            .replace("audit-a.jsonl", &format!("audit-{name}.jsonl"))
            .replace("https://api.stripe.com", &format!("http://{}", self.upstream.address))
            .replace("allow_networks = []", "allow_networks = [\"127.0.0.0/8\"]");
        // The database is the test's own; all else stands as it is documented.
        let ledger = text.find("[ledger]").unwrap();
        let next = ledger + text[ledger..].find("\n\n").unwrap();
        text.replace_range(ledger..next, self.cluster.ledger("ledger").trim());
        let config = self.folder.path().join(format!("{name}.toml"));
        std::fs::write(&config, edit(text)).unwrap();
        let audit = self.folder.path().join(format!("audit-{name}.jsonl"));
        Replica { address, config, audit, process: Mutex::default() }
    }

    /// The addresses of all issuers.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.replicas.iter().map(|replica| replica.address).collect()
    }

    /// Every line of every audit, each of whose chains holds and bears the issuer's name.
    pub(crate) fn audits(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        for (replica, name) in self.replicas.iter().zip(["a", "b", "c"]) {
            let text = std::fs::read_to_string(&replica.audit).unwrap();
            agentcred_issuer::audit::verify(text.as_bytes()).unwrap();
            for line in text.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                assert_eq!(line["replica"], name);
                lines.push(line);
            }
        }
        lines
    }

    /// The paths that went upstream by the audits' word.
    pub(crate) fn audited_paths(&self) -> HashSet<String> {
        let uses = self.audits().into_iter().filter(|line| line["event"] == "use");
        uses.map(|line| line["path"].as_str().unwrap().to_owned()).collect()
    }

    /// The paths that arrived upstream.
    pub(crate) fn arrived_paths(&self) -> Vec<String> {
        let arrived = self.upstream.arrived();
        arrived.iter().map(|it| it.line().trim_start_matches("GET ").to_owned()).collect()
    }
}

impl Replica {
    /// Starts the issuer and waits until it listens. It is tried again while the database is
    /// away, as a service manager does.
    pub(crate) fn start(&self) {
        let log = self.config.with_extension("log");
        let mut reasons = String::new();
        for _ in 0..100 {
            self.mend_audit();
            let mut process = command()
                .args(["serve", "--log", "warn", "--config"])
                .arg(&self.config)
                .stdout(Stdio::piped())
                .stderr(File::create(&log).unwrap())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            if line.starts_with("listening on") {
                *self.process.lock().unwrap() = Some(process);
                return;
            }
            process.wait().unwrap();
            reasons.push_str(&std::fs::read_to_string(&log).unwrap());
        }
        panic!("an issuer does not start: {reasons}");
    }

    /// Kills the issuer, and gives it no time to end anything.
    pub(crate) fn kill(&self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Cuts half a line off, as an issuer that finds one says how to.
    fn mend_audit(&self) {
        let Ok(bytes) = std::fs::read(&self.audit) else { return };
        let sound = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if sound < bytes.len() {
            std::fs::write(&self.audit, &bytes[..sound]).unwrap();
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_agentcred-issuer"))
}

pub(crate) fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// A count that a variable raises for a long run.
pub(crate) fn count(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |text| text.parse().unwrap())
}
