//! The deployment files: their configurations are sound, and so are the commands that they give.

use std::path::Path;
use std::process::Output;

use crate::command::command;
use crate::stage::{new_key, write_private};
use crate::tls::Authority;

const SYSTEMD: &str = include_str!("../../../deploy/systemd/issuer.toml");
const UNIT: &str = include_str!("../../../deploy/systemd/agentcred-issuer.service");
const CONTAINER: &str = include_str!("../../../deploy/container/Dockerfile");
const CONFIG_MAP: &str = include_str!("../../../deploy/kubernetes/config.yaml");
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
    std::fs::write(at("db-ca.crt"), authority.pem()).unwrap();
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

fn assert_sound(config: &str, host: &str, handed_over: &str) {
    let checked = check(config, host, handed_over);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(said, "issuer.toml: the configuration is sound\n");
    // The control: another secret than those that are handed over is missed.
    let other = config.replace("stripe.key", "other.key");
    let refused = check(&other, host, handed_over);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stdout).unwrap().contains("other.key"));
}

#[test]
fn the_configuration_of_the_systemd_unit_is_sound() {
    assert_sound(SYSTEMD, "vault.example", "/run/credentials/agentcred-issuer.service/");
    for secret in SYSTEMD.split("agentcred-issuer.service/").skip(1) {
        let name = secret.split('"').next().unwrap();
        let loaded = format!("LoadCredential={name}:/etc/agentcred/credentials/{name}\n");
        assert!(UNIT.contains(&loaded), "{name} is never loaded");
    }
}

#[test]
fn the_configuration_of_the_replicas_is_sound() {
    let (_, block) = CONFIG_MAP.split_once("  issuer.toml: |\n").unwrap();
    let lines = block.lines().map(|line| line.strip_prefix("    ").unwrap_or(line));
    let config = lines.collect::<Vec<_>>().join("\n");
    assert_sound(&config, "agentcred-issuer.agentcred.svc", "/run/secrets/agentcred/");
    assert!(REPLICAS.contains("mountPath: /run/secrets/agentcred,"));
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
