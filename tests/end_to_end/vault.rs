//! A vault side for one test: the sandbox, a real issuer process in front of it, and a tap on the
//! wire to the agent.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use toml::Table;

use crate::agent::{agent, built};
use crate::sandbox::{Sandbox, SandboxKey};
use crate::tap::Tap;

/// Where a vault side is about to be: its folder, and the real key of its upstream.
pub(crate) struct Ground {
    folder: TempDir,
    key: SandboxKey,
}

impl Ground {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), key: SandboxKey::random().unwrap() }
    }

    pub(crate) fn real_key(&self) -> &str {
        self.key.expose()
    }

    /// Puts a file there that only its owner can read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        write_private(self.folder.path().join(name), text);
    }
}

/// A running vault side. It ends with the test.
pub(crate) struct Vault {
    pub(crate) sandbox: Sandbox,
    pub(crate) tap: Tap,
    /// The real key, which is new in every test.
    pub(crate) real_key: String,
    /// The issuer's process; gone when a test killed it.
    pub(crate) process: Arc<Mutex<Option<Child>>>,
    folder: TempDir,
}

impl Vault {
    /// Starts the issuer with the example's own policy.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts the issuer with the example's policy, changed.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Table)) -> Self {
        let ground = Ground::new();
        ground.write("sandbox.key", ground.real_key());
        Self::start_on(ground, change).await
    }

    /// The same, with the real key wherever the changed policy says.
    pub(crate) async fn start_on(ground: Ground, change: impl FnOnce(&mut Table)) -> Self {
        let Ground { folder, key } = ground;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let real_key = key.expose().to_owned();
        let sandbox =
            Sandbox::start("127.0.0.1:0".parse().unwrap(), key, i64::try_from(now).unwrap())
                .await
                .unwrap();
        let tap = Tap::listen().await;

        let keygen = Command::new(built("agentcred-issuer"))
            .args(["keygen", "--out"])
            .arg(folder.path().join("billing-agent"))
            .output()
            .await
            .unwrap();
        assert!(keygen.status.success(), "{}", String::from_utf8_lossy(&keygen.stderr));
        let mut policy: Table =
            include_str!("../../examples/billing_agent/issuer.toml").parse().unwrap();
        policy.insert("issuer".to_owned(), tap.url().into());
        policy["server"]["listen"] = "127.0.0.1:0".into();
        let stripe = policy["services"]["stripe"].as_table_mut().unwrap();
        stripe.insert("origin".to_owned(), sandbox.url().into());
        stripe.insert("secret".to_owned(), "file:sandbox.key".into());
        stripe.insert("allow_networks".to_owned(), vec!["127.0.0.1/32"].into());
        change(&mut policy);
        let config = folder.path().join("issuer.toml");
        std::fs::write(&config, policy.to_string()).unwrap();

        if policy.get("ledger").is_some() {
            let mut migrate = Command::new(built("agentcred-issuer"));
            let migrated = migrate.args(["migrate", "--config"]).arg(&config).output().await;
            let migrated = migrated.unwrap();
            assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        }
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut process = Command::new(built("agentcred-issuer"))
            .args(["serve", "--log", "agentcred_issuer=info", "--config"])
            .arg(&config)
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        tap.connect_to(listening(&mut process).await);
        Self { sandbox, tap, real_key, process: Arc::new(Mutex::new(Some(process))), folder }
    }

    /// The agent, pointed at this vault side by its environment.
    pub(crate) fn agent(&self, arguments: &[&str]) -> Command {
        let mut command = agent(arguments);
        command
            .env("AGENTCRED_ISSUER", self.tap.url())
            .env("AGENTCRED_AGENT_KEY_FILE", self.agent_key());
        command
    }

    /// What the issuer logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The file that the agent's own key is in.
    pub(crate) fn agent_key(&self) -> PathBuf {
        self.folder.path().join("billing-agent.private.jwk")
    }

    /// The audit file as it is.
    pub(crate) fn audit_text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap()
    }

    /// The lines of the audit that tell of `event`.
    pub(crate) fn audited(&self, event: &str) -> Vec<Value> {
        let lines = self.audit_text();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == event).collect()
    }
}

/// Reads where the issuer listens from what it prints when it is ready.
async fn listening(process: &mut Child) -> SocketAddr {
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("the issuer says where it listens");
    let address = line.split_whitespace().find_map(|word| {
        word.trim_start_matches("http://").trim_end_matches(['/', ',']).parse().ok()
    });
    // Its standard output stays open, so that the issuer can go on writing.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    address.unwrap_or_else(|| panic!("no address in {line:?}"))
}

fn write_private(path: PathBuf, text: &str) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).unwrap().write_all(text.as_bytes()).unwrap();
}
