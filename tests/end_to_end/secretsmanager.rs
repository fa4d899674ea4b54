//! The billing agent with the real key in AWS Secrets Manager. The agent's process never holds what
//! is there, nor what opens it.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::json;
use tokio::process::Command;

use crate::agent::finished;
use crate::holds::found_in;
use crate::moto::Moto;
use crate::sandbox::SandboxKey;
use crate::stores::{QUESTION, Runs, documented, lay, said, until};
use crate::tap::Tap;
use crate::vault::{Ground, Vault};

const TOKEN: &str = "the-canary-of-the-web-identity";

/// A vault side that logs in by a web identity, and a tap on the wire to the stand-in for AWS.
struct Stage {
    moto: Moto,
    wire: Tap,
    vault: Vault,
}

impl Stage {
    async fn set() -> Self {
        let moto = Moto::start().await;
        let wire = Tap::listen().await;
        wire.connect_to(moto.address().trim_start_matches("http://").parse().unwrap());
        let ground = Ground::new();
        moto.put("prod/stripe", &object(ground.real_key())).await;
        ground.write("issuer.jwt", TOKEN);
        let mut config = documented("AWS Secrets Manager");
        let aws = &mut config["secrets"]["aws"];
        aws["endpoint"] = wire.url().into();
        aws["web_identity"]["endpoint"] = wire.url().into();
        let vault = Vault::start_on(ground, |policy| lay(config, policy)).await;
        Self { moto, wire, vault }
    }

    /// What was lent to the issuer, as it went over the wire.
    fn lent(&self) -> Vec<String> {
        let heard = String::from_utf8_lossy(&self.wire.heard()).into_owned();
        let mut lent = Vec::new();
        for name in ["<SecretAccessKey>", "<SessionToken>"] {
            let held = heard.split(name).skip(1).map(|rest| rest.split('<').next().unwrap());
            lent.extend(held.map(str::to_owned));
        }
        assert!(lent.len() >= 2, "the issuer logged in");
        lent
    }

    fn agent(&self) -> Command {
        let mut agent = self.vault.agent(&[QUESTION]);
        agent.stdout(Stdio::null()).stderr(Stdio::null());
        agent
    }

    async fn must_run(&self) {
        let output = finished(self.vault.agent(&[QUESTION])).await;
        assert!(output.status.success(), "{}\n{}", said(&output), self.vault.log());
    }
}

fn object(key: &str) -> String {
    json!({ "api_key": key, "publishable": "pk_live_1" }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs moto"]
async fn a_key_is_rotated_under_the_agent_which_holds_nothing_of_aws_and_would_be_caught() {
    let stage = Arc::new(Stage::set().await);
    stage.must_run().await;
    let mut canaries = vec![TOKEN.to_owned(), stage.vault.real_key.clone()];
    let runs = Runs::begin({
        let stage = Arc::clone(&stage);
        move || {
            let stage = Arc::clone(&stage);
            async move { stage.must_run().await }
        }
    });
    for _ in 0..3 {
        // The upstream takes the new key and the last one, as APIs do while a key is rolled.
        let key = SandboxKey::random().unwrap();
        let text = key.expose().to_owned();
        stage.vault.sandbox.roll(key);
        let version = stage.moto.put("prod/stripe", &object(&text)).await;
        let read = format!("store_version=\"{version}\"");
        until(async || stage.vault.log().contains(&read), "the new version is read").await;
        canaries.push(text);
    }
    runs.end().await;
    canaries.extend(stage.lent());
    let key_file = stage.vault.agent_key();
    let files: [&Path; 1] = [&key_file];
    let found = found_in(stage.agent(), &stage.vault.tap, &files, &canaries).await;
    assert_eq!(found, Vec::<&str>::new());
    let log = stage.vault.log();
    assert!(!canaries.iter().any(|it| log.contains(it.as_str())), "the log holds one: {log}");
    let seen = stage.vault.sandbox.requests();
    assert!(!seen.is_empty() && seen.iter().all(|it| it.status == 200), "a call failed: {seen:?}");

    // The controls: an agent that was handed one of them, in each of these ways.
    for canary in [TOKEN, canaries[1].as_str(), canaries.last().unwrap()] {
        let mut agent = stage.agent();
        agent.env("PLANTED", canary);
        let found = found_in(agent, &stage.vault.tap, &files, &[canary.to_owned()]).await;
        assert_eq!(found, ["environment", "memory"]);
    }
    let planted = tempfile::tempdir().unwrap();
    let path = planted.path().join("planted");
    std::fs::write(&path, TOKEN).unwrap();
    let mut agent = stage.agent();
    agent.stdin(std::fs::File::open(&path).unwrap());
    assert_eq!(found_in(agent, &stage.vault.tap, &files, &canaries).await, ["files"]);
    let mut agent = stage.vault.agent(&[&format!("{QUESTION} (note {TOKEN})")]);
    agent.stdout(Stdio::null()).stderr(Stdio::null());
    let found = found_in(agent, &stage.vault.tap, &files, &canaries).await;
    assert_eq!(found, ["arguments", "memory"]);
}
