//! The billing agent with the real key in a secret store, through what happens to a store in its
//! days. The agent's process never holds what the store holds, nor what opens it.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Command;
use tokio::task::JoinHandle;
use toml::{Table, Value};

use crate::agent::finished;
use crate::bao::Bao;
use crate::cluster::{Cluster, PASSWORD};
use crate::holds::found_in;
use crate::sandbox::SandboxKey;
use crate::tap::Tap;
use crate::vault::{Ground, Vault};

/// More open invoices than a page holds, so that one nonce has several uses.
pub(crate) const QUESTION: &str =
    "How much does kestrel.pine@example.com owe, and on which invoices?";
const DOCUMENT: &str = include_str!("../../docs/secrets.md");

/// The configuration that the documentation shows in one of its sections.
pub(crate) fn documented(section: &str) -> Table {
    let section = DOCUMENT.split("\n## ").find(|it| it.starts_with(section)).unwrap();
    let text = section.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    text.parse().unwrap()
}

/// Lays one configuration over another, key by key.
pub(crate) fn lay(over: Table, policy: &mut Table) {
    for (key, value) in over {
        match (value, policy.get_mut(&key)) {
            (Value::Table(over), Some(Value::Table(under))) => lay(over, under),
            (value, _) => drop(policy.insert(key, value)),
        }
    }
}

/// A vault side whose real key is in OpenBao, and a tap on the wire between the two.
struct Stage {
    bao: Bao,
    wire: Tap,
    secret_id: String,
    vault: Vault,
}

impl Stage {
    async fn set(role: serde_json::Value, more: impl FnOnce(&mut Table, &Bao)) -> Self {
        let bao = Bao::start().await;
        let made = bao.application(role).await;
        let wire = Tap::listen().await;
        wire.connect_to(bao.address().trim_start_matches("http://").parse().unwrap());
        let ground = Ground::new();
        bao.put("kv/stripe", "api_key", ground.real_key()).await;
        ground.write("bao.secret-id", &made.secret_id);
        ground.write("ledger.key", &"k".repeat(32));
        bao.put("kv/ledger", "password", PASSWORD).await;
        let mut config = documented("OpenBao");
        let openbao = config["secrets"]["openbao"].as_table_mut().unwrap();
        openbao.insert("address".to_owned(), wire.url().into());
        openbao["approle"]["role_id"] = made.role_id.into();
        more(&mut config, &bao);
        let vault = Vault::start_on(ground, |policy| lay(config, policy)).await;
        Self { bao, wire, secret_id: made.secret_id, vault }
    }

    /// The tokens that the issuer got from OpenBao, as they went over the wire.
    fn tokens(&self) -> Vec<String> {
        let heard = String::from_utf8_lossy(&self.wire.heard()).into_owned();
        let tokens = heard.split("\"client_token\":\"").skip(1);
        tokens.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    }

    /// All that the agent may not hold.
    fn canaries(&self) -> Vec<String> {
        let mut canaries = self.tokens();
        assert!(!canaries.is_empty(), "the issuer logged in");
        canaries.extend([self.secret_id.clone(), self.vault.real_key.clone()]);
        canaries
    }

    fn agent(&self) -> Command {
        let mut agent = self.vault.agent(&[QUESTION]);
        agent.stdout(Stdio::null()).stderr(Stdio::null());
        agent
    }

    async fn run(&self) -> Output {
        finished(self.vault.agent(&[QUESTION])).await
    }

    async fn must_run(&self) {
        let output = self.run().await;
        assert!(output.status.success(), "{}\n{}", said(&output), self.vault.log());
    }

    fn holds_none(&self, found: &[&str], canaries: &[String]) {
        assert_eq!(found, Vec::<&str>::new());
        let log = self.vault.log();
        for canary in canaries {
            assert!(!log.contains(canary.as_str()), "the issuer's log holds one: {log}");
        }
    }
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Runs of the agent, one after another until the test ends them.
pub(crate) struct Runs {
    is_over: Arc<AtomicBool>,
    running: JoinHandle<usize>,
}

impl Runs {
    pub(crate) fn begin<R: Future<Output = ()> + Send>(
        run: impl Fn() -> R + Send + 'static,
    ) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let running = tokio::spawn(async move {
            let mut runs = 0;
            while !ends.load(Ordering::SeqCst) {
                run().await;
                runs += 1;
            }
            runs
        });
        Self { is_over, running }
    }

    pub(crate) async fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        println!("{} runs of the agent", self.running.await.unwrap());
    }
}

/// Comes back once it is so. What it waits for is asked over HTTP or of a process each time.
pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool, what: &str) {
    let waiting = async { while !is_so().await {} };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs OpenBao"]
async fn a_token_is_renewed_and_a_key_rotated_under_the_agent_without_a_failed_call() {
    let stage = Stage::set(json!({ "token_ttl": "6s", "token_max_ttl": "1h" }), |_, _| ()).await;
    let stage = Arc::new(stage);
    let runs = Runs::begin({
        let stage = Arc::clone(&stage);
        move || {
            let stage = Arc::clone(&stage);
            async move { stage.must_run().await }
        }
    });
    let renewed = async || {
        let logins = stage.bao.logins().await;
        logins.len() == 1 && logins[0]["last_renewal_time"].is_u64()
    };
    until(renewed, "the token is renewed").await;
    let before = stage.canaries();
    for version in 2..=4 {
        // The upstream takes the new key and the last one, as APIs do while a key is rolled.
        let key = SandboxKey::random().unwrap();
        let text = key.expose().to_owned();
        stage.vault.sandbox.roll(key);
        stage.bao.put("kv/stripe", "api_key", &text).await;
        let read = format!("store_version=\"{version}\"");
        until(async || stage.vault.log().contains(&read), "the new version is read").await;
    }
    runs.end().await;
    let seen = stage.vault.sandbox.requests();
    assert!(!seen.is_empty() && seen.iter().all(|it| it.status == 200), "a call failed: {seen:?}");
    stage.holds_none(&[], &before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs OpenBao"]
async fn a_sealed_store_is_outlived_for_a_while_then_refused_clearly_and_used_again() {
    let stage = Stage::set(json!({ "token_ttl": "1h" }), |_, _| ()).await;
    stage.must_run().await;
    stage.bao.seal().await;
    let sealed = Instant::now();
    stage.must_run().await;
    let mut last = None;
    let failed = async || {
        let output = stage.run().await;
        let has_failed = !output.status.success();
        last = Some(output);
        has_failed
    };
    until(failed, "the key becomes stale").await;
    let output = said(&last.unwrap());
    println!("refused {:?} after the store was sealed: {output}", sealed.elapsed());
    assert!(sealed.elapsed() >= Duration::from_secs(9), "it gave up too soon");
    let log = stage.vault.log();
    let why = "openbao:kv/stripe#api_key cannot be read now: the store is sealed";
    assert!(log.contains(why), "{log}");
    let lost = stage.vault.audited("answer");
    assert!(lost.iter().any(|line| line["outcome"] == "no_secret"), "{lost:?}");
    assert!(!output.contains("openbao") && !output.contains("panicked"), "{output}");
    assert!(stage.vault.sandbox.requests().iter().all(|it| it.status == 200));
    stage.bao.unseal().await;
    until(async || stage.run().await.status.success(), "it recovers by itself").await;
    stage.holds_none(&[], &stage.canaries());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs OpenBao and PostgreSQL"]
async fn the_agent_holds_nothing_of_what_the_stores_hold_and_would_be_caught() {
    let cluster = Cluster::start();
    cluster.create("ledger");
    let ledger: Table = cluster.ledger("ledger").parse().unwrap();
    let stage = Stage::set(json!({ "token_ttl": "1h" }), |config, _| {
        lay(ledger, config);
        config["ledger"]["password"] = "openbao:kv/ledger#password".into();
    })
    .await;
    stage.must_run().await;
    let key_file = stage.vault.agent_key();
    let files: [&Path; 1] = [&key_file];
    let mut canaries = stage.canaries();
    canaries.push(PASSWORD.to_owned());
    let tap = &stage.vault.tap;
    let found = found_in(stage.agent(), tap, &files, &canaries).await;
    stage.holds_none(&found, &canaries);
    assert!(stage.vault.sandbox.requests().iter().all(|it| it.status == 200));

    // The controls: an agent that was handed one of them, in each of these ways.
    let folder = tempfile::tempdir().unwrap();
    for canary in &canaries {
        let (of_one, path) = (std::slice::from_ref(canary), folder.path().join("planted"));
        let mut agent = stage.agent();
        agent.env("PLANTED", canary);
        let found = found_in(agent, tap, &files, of_one).await;
        assert_eq!(found, ["environment", "memory"]);
        std::fs::write(&path, canary).unwrap();
        let mut agent = stage.agent();
        agent.stdin(std::fs::File::open(&path).unwrap());
        assert_eq!(found_in(agent, tap, &files, of_one).await, ["files"]);
    }
    let question = format!("{QUESTION} (note {})", stage.secret_id);
    let mut agent = stage.vault.agent(&[&question]);
    agent.stdout(Stdio::null()).stderr(Stdio::null());
    let found = found_in(agent, tap, &files, &canaries).await;
    assert_eq!(found, ["arguments", "memory"]);
}

const PATIENCE: Duration = Duration::from_mins(2);
