//! Checks `[secrets]`: for how long keys are kept, and where the stores are that have them.

mod aws;

use std::path::{Path, PathBuf};
use std::time::Duration;

use agentcred_protocol::ttl::Ttl;
use http::HeaderValue;

use super::finding::{Findings, Key};
use super::raw::{RawAppRole, RawJwt, RawKubernetes, RawOpenBao, RawSecrets};
use super::services::read_trust;
use crate::network::Networks;
use crate::secrets::{Login, OpenBaoConfig, SecretRef, StoresConfig, Times, is_path};
use crate::service::{Destination, Origin, Reach, Transport};

pub(super) fn check_times(raw: &RawSecrets, findings: &mut Findings<'_>) -> Times {
    let mut times = Times::default();
    for (name, text, time) in [
        ("cache", &raw.cache, &mut times.cache),
        ("overlap", &raw.overlap, &mut times.overlap),
        ("stale", &raw.stale, &mut times.stale),
    ] {
        match text.as_deref().map(|text| (text, text.parse::<Ttl>())) {
            None => {}
            Some(("0s", _)) => *time = Duration::ZERO,
            Some((_, Ok(read))) => *time = read.duration(),
            Some((_, Err(_))) => findings.error(
                &Key::root("secrets").field(name),
                "must be whole seconds, minutes or hours as 0s, 30s or 5m, at most 1h",
            ),
        }
    }
    times
}

/// The stores that are named. A store with a finding is left out.
pub(super) fn check_stores(
    raw: RawSecrets,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> StoresConfig {
    let openbao = raw.openbao.and_then(|raw| check_openbao(raw, folder, findings));
    let aws = raw.aws.and_then(|raw| aws::check(raw, folder, findings));
    StoresConfig { openbao, aws }
}

/// The stores that are named, with or without a finding.
pub(super) struct Named {
    openbao: bool,
    aws: bool,
}

impl Named {
    pub(super) fn of(raw: &RawSecrets) -> Self {
        Self { openbao: raw.openbao.is_some(), aws: raw.aws.is_some() }
    }

    /// Every reference must be of a store that is named.
    pub(super) fn check(&self, reference: &SecretRef, at: &Key, findings: &mut Findings<'_>) {
        let lacking = match reference {
            SecretRef::OpenBao { .. } if !self.openbao => {
                "is in OpenBao; add [secrets.openbao] and say there where that is"
            }
            SecretRef::AwsSecretsManager { .. } if !self.aws => {
                "is in AWS Secrets Manager; add [secrets.aws] and say there in which region"
            }
            _ => return,
        };
        findings.error(at, lacking);
    }
}

fn check_openbao(
    raw: RawOpenBao,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<OpenBaoConfig> {
    let at = Key::root("secrets").field("openbao");
    let origin = Origin::read(&raw.address)
        .map_err(|message| findings.error(&at.field("address"), message))
        .ok();
    let ca_file = raw.ca_file.as_ref().map(|file| folder.join(file));
    let transport = origin
        .as_ref()
        .and_then(|origin| check_transport(origin, ca_file.as_deref(), &at, findings));
    let namespace = match raw.namespace.as_deref().map(str::trim_ascii) {
        None => Some(None),
        Some(name) if is_path(name.trim_end_matches('/')) => Some(HeaderValue::from_str(name).ok()),
        Some(_) => {
            findings.error(&at.field("namespace"), "must be the path of a namespace, as payments");
            None
        }
    };
    for (position, mount) in raw.mounts.iter().enumerate() {
        if !is_path(mount) {
            findings.error(
                &at.field("mounts").item(position),
                "must be the path of a key-value engine as the server lists it, as team/kv",
            );
        }
    }
    let timeout = check_timeout(raw.timeout.as_deref(), &at, findings);
    let logins = Logins {
        token_file: raw.token_file,
        approle: raw.approle,
        jwt: raw.jwt,
        kubernetes: raw.kubernetes,
    };
    let login = logins.check(&at, folder, findings);
    Some(OpenBaoConfig {
        destination: Destination {
            origin: origin?,
            networks: Networks::all(),
            transport: transport?,
        },
        namespace: namespace?,
        mounts: raw.mounts,
        timeout: timeout?,
        login: login?,
    })
}

fn check_timeout(text: Option<&str>, at: &Key, findings: &mut Findings<'_>) -> Option<Duration> {
    let timeout = match text.map(str::parse::<Ttl>) {
        None => Some(TIMEOUT),
        Some(read) => read.ok().map(Ttl::duration).filter(|timeout| *timeout <= LONGEST_TIMEOUT),
    };
    if timeout.is_none() {
        findings.error(&at.field("timeout"), "must be 1s to 30s");
    }
    timeout
}

fn check_transport(
    origin: &Origin,
    ca_file: Option<&Path>,
    at: &Key,
    findings: &mut Findings<'_>,
) -> Option<Transport> {
    if !origin.is_tls {
        if ca_file.is_some() {
            findings.error(&at.field("ca_file"), "is of no use: the address is plain http");
        }
        return Some(Transport::Plain(Reach::Loopback));
    }
    let at = at.field(if ca_file.is_some() { "ca_file" } else { "address" });
    read_trust(ca_file).map_err(|message| findings.error(&at, message)).ok()
}

/// The ways to log in that are written, of which there must be one.
struct Logins {
    token_file: Option<PathBuf>,
    approle: Option<RawAppRole>,
    jwt: Option<RawJwt>,
    kubernetes: Option<RawKubernetes>,
}

impl Logins {
    fn check(self, at: &Key, folder: &Path, findings: &mut Findings<'_>) -> Option<Login> {
        let logins = [
            self.token_file.map(|file| Login::Token { file: folder.join(file) }),
            self.approle.map(|raw| Login::AppRole {
                mount: raw.mount,
                role_id: raw.role_id,
                secret_id_file: folder.join(raw.secret_id_file),
            }),
            self.jwt.map(|raw| Login::Jwt {
                mount: raw.mount,
                role: raw.role,
                file: folder.join(raw.jwt_file),
            }),
            self.kubernetes.map(|raw| Login::Kubernetes {
                mount: raw.mount,
                role: raw.role,
                file: folder.join(raw.jwt_file),
            }),
        ];
        let mut logins = logins.into_iter().flatten();
        let (Some(login), None) = (logins.next(), logins.next()) else {
            findings.error(
                at,
                "must have one login: token_file, [secrets.openbao.approle], \
                 [secrets.openbao.jwt] or [secrets.openbao.kubernetes]",
            );
            return None;
        };
        match &login {
            Login::Token { .. } => {}
            Login::AppRole { mount, role_id: role, .. }
            | Login::Jwt { mount, role, .. }
            | Login::Kubernetes { mount, role, .. } => {
                let at = at.field(&login.to_string());
                if !is_path(mount) {
                    findings.error(
                        &at.field("mount"),
                        "must be the path of the login method without auth/, as approle",
                    );
                    return None;
                }
                if role.is_empty() || !role.chars().all(|c| c.is_ascii_graphic()) {
                    findings.error(&at, "must name its role, in visible ASCII");
                    return None;
                }
            }
        }
        Some(login)
    }
}

const TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const SOUND: &str = r#"
audit.file = "audit.jsonl"
[proofs]
server_nonce_key = "openbao:kv/nonce#key"
[secrets]
stale = "10m"
[secrets.openbao]
address = "http://127.0.0.1:8200"
namespace = "payments/eu"
mounts = ["team/kv"]
timeout = "2s"
[secrets.openbao.approle]
role_id = "a-role"
secret_id_file = "secret-id"
"#;

    fn config(text: &str) -> Result<Config, crate::InvalidConfig> {
        Config::parse(text, Path::new("/etc/agentcred"))
    }

    #[test]
    fn a_sound_store_is_read_with_its_login() {
        let config = config(SOUND).unwrap();
        assert_eq!(config.secret_times.stale, Duration::from_mins(10));
        let openbao = config.stores.openbao.unwrap();
        assert_eq!(openbao.timeout, Duration::from_secs(2));
        let Login::AppRole { mount, secret_id_file, .. } = openbao.login else { panic!("approle") };
        assert_eq!(mount, "approle");
        assert_eq!(secret_id_file, Path::new("/etc/agentcred/secret-id"));
    }

    #[test]
    fn what_is_weak_or_wrong_is_named_with_its_line() {
        let kubernetes = "[secrets.openbao.kubernetes]\nrole = \"a\"\n[secrets.openbao.approle]";
        for (written, instead, key, message) in [
            ("http://127.0.0.1", "http://10.0.0.1", "address", "must be https"),
            ("http://127.0.0.1:8200", "http://127.0.0.1:8200/v1", "address", "hold a path"),
            ("http://127.0.0.1", "http://a:canary@127.0.0.1", "address", "user name or password"),
            ("payments/eu", "pay ments", "namespace", "path of a namespace"),
            ("team/kv", "team/../kv", "mounts[0]", "key-value engine"),
            ("timeout = \"2s\"", "timeout = \"1m\"", "timeout", "1s to 30s"),
            ("namespace =", "ca_file = \"ca.pem\"\nnamespace =", "ca_file", "plain http"),
            ("role_id", "mount = \"/approle\"\nrole_id", "approle.mount", "without auth/"),
            ("\"a-role\"", "\"\"", "approle", "must name its role"),
            ("[secrets.openbao.approle]", kubernetes, "", "must have one login"),
            ("timeout =", "token_file = \"token\"\ntimeout =", "", "must have one login"),
        ] {
            assert!(SOUND.contains(written), "{written}");
            let invalid = config(&SOUND.replace(written, instead)).unwrap_err();
            let finding = &invalid.findings()[0];
            let at = format!("secrets.openbao.{key}");
            assert_eq!(finding.key, at.trim_end_matches('.'), "{finding}");
            assert!(finding.message.contains(message), "{finding}");
            assert!(finding.line.is_some() && !invalid.to_string().contains("canary"), "{finding}");
        }
        let none = config(SOUND.split("[secrets.openbao.approle]").next().unwrap()).unwrap_err();
        assert!(none.findings()[0].message.contains("must have one login"), "{none}");
        let stale = config(&SOUND.replace("10m", "2h")).unwrap_err();
        assert_eq!(
            (&*stale.findings()[0].key, stale.findings()[0].line),
            ("secrets.stale", Some(6))
        );
    }

    #[test]
    fn a_reference_needs_its_store() {
        let text = SOUND.split("[secrets]").next().unwrap();
        let refused = config(text).unwrap_err();
        let at = |it: &&crate::Finding| it.key == "proofs.server_nonce_key";
        let finding = refused.findings().iter().find(at).unwrap();
        assert_eq!(finding.line, Some(4));
        assert!(finding.message.contains("[secrets.openbao]"), "{finding}");
        let refused = config(&text.replace("openbao:kv/nonce#key", "aws-secretsmanager:nonce"));
        let refused = refused.unwrap_err();
        let finding = refused.findings().iter().find(at).unwrap();
        assert_eq!(finding.line, Some(4));
        assert!(finding.message.contains("[secrets.aws]"), "{finding}");
    }
}
