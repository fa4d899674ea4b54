//! The deployment files: their configurations are sound, and so are the commands that they give.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use reqwest::StatusCode;

use crate::command::command;
use crate::stage::{new_key, write_private};
use crate::tls::{Authority, client};

const SYSTEMD: &str = include_str!("../../../deploy/systemd/issuer.toml");
const UNIT: &str = include_str!("../../../deploy/systemd/agentcred-issuer.service");
const CONTAINER: &str = include_str!("../../../deploy/container/Dockerfile");
const CONFIG_MAP: &str = include_str!("../../../deploy/kubernetes/config.yaml");
/// Where `scripts/services` puts it.
const BAO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/services/bin/bao");
const OPENBAO: &str = include_str!("../../../deploy/kubernetes/openbao.yaml");
const REPLICAS: &str = include_str!("../../../deploy/kubernetes/issuer.yaml");

/// What `check` says of a configuration, whose secrets and certificates are made for it.
fn check(config: &str, host: &str, handed_over: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let authority = Authority::new();
    let (certificate, key) = authority.sign(host, |_| {});
    for name in ["vault.pem", "tls.crt"] {
        std::fs::write(at(name), &certificate).unwrap();
    }
    for name in ["vault.key", "tls.key"] {
        write_private(&at(name), &key);
    }
    for name in ["db-ca.crt", "openbao-ca.crt"] {
        std::fs::write(at(name), authority.pem()).unwrap();
    }
    for name in ["stripe.key", "db.password", "ledger.key", "nonce.key"] {
        write_private(&at(name), "canary_0123456789_0123456789_0123456789");
    }
    new_key(folder.path(), "billing-agent");
    let here = format!("{}/", folder.path().display());
    assert!(config.contains(handed_over), "nothing comes from {handed_over}");
    std::fs::write(at("issuer.toml"), config.replace(handed_over, &here)).unwrap();
    command()
        .args(["check", "--config", "issuer.toml"])
        .current_dir(folder.path())
        .output()
        .unwrap()
}

fn assert_sound(config: &str, host: &str, handed_over: &str, secret: &str) {
    let checked = check(config, host, handed_over);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(said, "issuer.toml: the configuration is sound\n");
    // The control: another secret than those that are handed over is missed.
    let other = config.replace(secret, "other.secret");
    let refused = check(&other, host, handed_over);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stdout).unwrap().contains("other.secret"));
}

#[test]
fn the_configuration_of_the_systemd_unit_is_sound() {
    let handed_over = "/run/credentials/agentcred-issuer.service/";
    assert_sound(SYSTEMD, "vault.example", handed_over, "stripe.key");
    for secret in SYSTEMD.split("agentcred-issuer.service/").skip(1) {
        let name = secret.split('"').next().unwrap();
        let loaded = format!("LoadCredential={name}:/etc/agentcred/credentials/{name}\n");
        assert!(UNIT.contains(&loaded), "{name} is never loaded");
    }
}

#[test]
fn the_configuration_of_the_replicas_is_sound() {
    let (config, handed_over) = (file_in(CONFIG_MAP, "issuer.toml"), "/run/secrets/agentcred/");
    // `check` asks for every key; there is no OpenBao here that has this one.
    let here =
        config.replace("openbao:kv/stripe#api_key", &format!("file:{handed_over}stripe.key"));
    assert_ne!(here, config);
    assert_sound(&here, "agentcred-issuer.agentcred.svc", handed_over, "ledger.key");
    assert!(REPLICAS.contains("mountPath: /run/secrets/agentcred,"));
    assert!(config.contains("/run/secrets/login/token"));
    assert!(REPLICAS.contains("name: login, mountPath: /run/secrets/login,"));
}

/// A file's text in a manifest of configurations.
fn file_in(manifest: &str, name: &str) -> String {
    let (_, rest) = manifest.split_once(&format!("  {name}: |\n")).unwrap();
    let lines = rest.lines().map_while(|line| match line {
        "" => Some(line),
        line => line.strip_prefix("    "),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// As its pod does, but for the places of its files and its port.
#[tokio::test]
#[ignore = "needs OpenBao, which scripts/services installs"]
async fn the_configuration_of_openbao_starts_one_that_waits_to_be_unsealed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let authority = Authority::new();
    let (certificate, key) = authority.sign("127.0.0.1", |_| {});
    std::fs::write(at("tls.crt"), certificate).unwrap();
    write_private(&at("tls.key"), &key);
    std::fs::create_dir(at("data")).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let config = [
        ("0.0.0.0:8200", &address),
        ("/run/secrets/openbao", &folder.path().display().to_string()),
        ("/var/lib/openbao", &at("data").display().to_string()),
    ]
    .into_iter()
    .fold(file_in(OPENBAO, "openbao.hcl"), |config, (there, here)| {
        assert!(config.contains(there), "{there}");
        config.replace(there, here)
    });
    std::fs::write(at("openbao.hcl"), config).unwrap();
    let mut process = tokio::process::Command::new(BAO)
        .arg("server")
        .arg(format!("-config={}", at("openbao.hcl").display()))
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (client, url) =
        (client(&authority).build().unwrap(), format!("https://{address}/v1/sys/health"));
    let answering = async {
        loop {
            assert!(process.try_wait().unwrap().is_none(), "it does not take its configuration");
            match client.get(&url).send().await {
                Ok(answer) => return answer.status(),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let status = tokio::time::timeout(Duration::from_secs(30), answering).await.unwrap();
    // Not initialised: what the readiness probe sees until an operator comes.
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
}

/// The words of a command after the issuer's name.
fn commands() -> Vec<Vec<String>> {
    let quoted = |line: &str| {
        let words = line.split('"').skip(1).step_by(2);
        words.map(|word| word.replace("$(POD_NAME)", "agentcred-issuer-0")).collect::<Vec<_>>()
    };
    let unit = UNIT.lines().filter_map(|line| line.split_once("=/usr/bin/agentcred-issuer "));
    let unit = unit.map(|(_, words)| words.split(' ').map(ToOwned::to_owned).collect());
    let given = CONTAINER.lines().filter(|line| line.starts_with("CMD "));
    let replicas = REPLICAS.lines().filter(|line| line.trim_start().starts_with("args: "));
    unit.chain(given.chain(replicas).map(quoted)).collect()
}

#[test]
fn every_command_is_one() {
    let commands = commands();
    assert_eq!(commands.len(), 5, "{commands:?}");
    for words in commands {
        // Each gets as far as the file, which is not there.
        let config = words.iter().position(|word| word == "--config").unwrap() + 1;
        assert_eq!(words[config], "/etc/agentcred/issuer.toml");
        let mut words = words;
        words[config] = "/nowhere/issuer.toml".to_owned();
        let said = command().args(&words).output().unwrap();
        assert_eq!(said.status.code(), Some(1), "{words:?}: {said:?}");
        let said = [said.stdout, said.stderr].concat();
        assert!(String::from_utf8(said).unwrap().contains("/nowhere/issuer.toml"), "{words:?}");
    }
    assert!(!Path::new("/nowhere/issuer.toml").exists());
}
