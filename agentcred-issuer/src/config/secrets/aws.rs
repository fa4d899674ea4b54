//! Checks `[secrets.aws]`: which region, and how the issuer logs in there.

use std::net::Ipv4Addr;
use std::path::Path;

use url::Host;

use super::{check_timeout, check_transport};
use crate::config::finding::{Findings, Key};
use crate::config::raw::{RawAws, RawInstance, RawWebIdentity};
use crate::inject::SigV4;
use crate::network::Networks;
use crate::secrets::{AwsConfig, AwsLogin, SecretRef};
use crate::service::{Destination, Origin, Reach, Transport};

pub(super) fn check(raw: RawAws, folder: &Path, findings: &mut Findings<'_>) -> Option<AwsConfig> {
    let at = Key::root("secrets").field("aws");
    let signer = SigV4::new(&raw.region, "secretsmanager")
        .map_err(|invalid| findings.error(&at.field(invalid.key), invalid.message))
        .ok()?;
    let of_region = |service: &str| {
        let end = if raw.region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://{service}.{}.amazonaws.com{end}", raw.region)
    };
    let timeout = check_timeout(raw.timeout.as_deref(), &at, findings);
    let endpoint = raw.endpoint.unwrap_or_else(|| of_region("secretsmanager"));
    let destination = check_endpoint(&endpoint, &at, findings);
    let login = match (raw.key, raw.web_identity, raw.instance) {
        (Some(key), None, None) => check_key(&key, folder, &at, findings),
        (None, Some(raw), None) => {
            let at = at.field("web_identity");
            check_web_identity(raw, &of_region("sts"), folder, &at, findings)
        }
        (None, None, Some(raw)) => check_instance(raw, &at.field("instance"), findings),
        _ => {
            findings.error(
                &at,
                "must have one login: key, [secrets.aws.web_identity] or [secrets.aws.instance]",
            );
            None
        }
    };
    Some(AwsConfig { destination: destination?, signer, timeout: timeout?, login: login? })
}

fn check_endpoint(text: &str, at: &Key, findings: &mut Findings<'_>) -> Option<Destination> {
    let at_endpoint = at.field("endpoint");
    let origin =
        Origin::read(text).map_err(|message| findings.error(&at_endpoint, message)).ok()?;
    let transport = check_transport(&origin, None, at, findings)?;
    Some(Destination { origin, networks: Networks::all(), transport })
}

fn check_key(text: &str, folder: &Path, at: &Key, findings: &mut Findings<'_>) -> Option<AwsLogin> {
    match SecretRef::read(text, folder) {
        Ok(reference @ (SecretRef::Env(_) | SecretRef::File(_))) => Some(AwsLogin::Key(reference)),
        Ok(_) => {
            findings.error(&at.field("key"), "must be on this machine, as env:NAME or file:PATH");
            None
        }
        Err(message) => {
            findings.error(&at.field("key"), message);
            None
        }
    }
}

fn check_web_identity(
    raw: RawWebIdentity,
    of_region: &str,
    folder: &Path,
    at: &Key,
    findings: &mut Findings<'_>,
) -> Option<AwsLogin> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=,.@-:".contains(&byte);
    let is_role = raw.role.starts_with("arn:")
        && raw.role.contains(":role/")
        && raw.role.bytes().all(is_plain);
    if !is_role {
        findings.error(
            &at.field("role"),
            "must be the ARN of a role, as arn:aws:iam::123456789012:role/agentcred",
        );
    }
    let endpoint = raw.endpoint.as_deref().unwrap_or(of_region);
    let destination = check_endpoint(endpoint, at, findings)?;
    let file = folder.join(raw.token_file);
    is_role.then_some(AwsLogin::WebIdentity { destination, role: raw.role, file })
}

fn check_instance(raw: RawInstance, at: &Key, findings: &mut Findings<'_>) -> Option<AwsLogin> {
    let destination = match raw.endpoint {
        Some(endpoint) => check_endpoint(&endpoint, at, findings)?,
        None => Destination {
            origin: Origin { host: Host::Ipv4(METADATA), port: 80, is_tls: false },
            networks: Networks::all(),
            transport: Transport::Plain(Reach::LinkLocal),
        },
    };
    Some(AwsLogin::Instance { destination })
}

/// Where a machine of AWS finds its metadata service.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const SOUND: &str = r#"
audit.file = "audit.jsonl"
[secrets.aws]
region = "eu-central-1"
timeout = "2s"
key = "file:aws.key"
"#;
    const ROLE: &str = "arn:aws:iam::123456789012:role/agentcred";

    fn config(text: &str) -> Result<Config, crate::InvalidConfig> {
        Config::parse(text, Path::new("/etc/agentcred"))
    }

    fn with_login(login: &str) -> Result<AwsConfig, crate::InvalidConfig> {
        let text = SOUND.replace("key = \"file:aws.key\"", login);
        config(&text).map(|config| config.stores.aws.unwrap())
    }

    #[test]
    fn each_login_is_read_and_goes_to_its_region() {
        let aws = with_login("key = \"file:aws.key\"").unwrap();
        let origin = aws.destination.origin.to_string();
        assert_eq!(origin, "https://secretsmanager.eu-central-1.amazonaws.com:443");
        let AwsLogin::Key(SecretRef::File(file)) = aws.login else { panic!("a key in a file") };
        assert_eq!(file, Path::new("/etc/agentcred/aws.key"));
        let web = format!("[secrets.aws.web_identity]\nrole = \"{ROLE}\"\ntoken_file = \"token\"");
        let AwsLogin::WebIdentity { destination, .. } = with_login(&web).unwrap().login else {
            panic!("a web identity")
        };
        let origin = destination.origin.to_string();
        assert_eq!(origin, "https://sts.eu-central-1.amazonaws.com:443");
        let AwsLogin::Instance { destination } =
            with_login("[secrets.aws.instance]").unwrap().login
        else {
            panic!("an instance")
        };
        assert_eq!(destination.origin.to_string(), "http://169.254.169.254:80");
        assert!(matches!(destination.transport, Transport::Plain(Reach::LinkLocal)));
        let china = config(&SOUND.replace("eu-central-1", "cn-north-1")).unwrap();
        let origin = china.stores.aws.unwrap().destination.origin.to_string();
        assert_eq!(origin, "https://secretsmanager.cn-north-1.amazonaws.com.cn:443");
    }

    #[test]
    fn what_is_weak_or_wrong_is_named_with_its_line() {
        let web = |role: &str| {
            format!("[secrets.aws.web_identity]\nrole = \"{role}\"\ntoken_file = \"token\"")
        };
        let far = "[secrets.aws.instance]\nendpoint = \"http://10.0.0.1\"";
        for (written, instead, key, message) in [
            ("eu-central-1", "EU canary", "region", "must be a region"),
            ("timeout =", "endpoint = \"http://aws.example\"\ntimeout =", "endpoint", "be https"),
            ("timeout =", "endpoint = \"https://a:canary@b\"\ntimeout =", "endpoint", "user name"),
            ("\"2s\"", "\"1m\"", "timeout", "1s to 30s"),
            ("file:aws.key", "AKIAEXAMPLE:canary", "key", "must say where the key is kept"),
            ("file:aws.key", "openbao:kv/aws#canary", "key", "on this machine"),
            ("key = \"file:aws.key\"", "", "", "must have one login"),
            ("key = \"file:aws.key\"", &web("canary"), "web_identity.role", "ARN of a role"),
            ("key = \"file:aws.key\"", far, "instance.endpoint", "must be https"),
        ] {
            assert!(SOUND.contains(written), "{written}");
            let invalid = config(&SOUND.replace(written, instead)).unwrap_err();
            let finding = &invalid.findings()[0];
            assert!(finding.message.contains(message), "{finding}");
            assert!(finding.line.is_some() && !invalid.to_string().contains("canary"), "{finding}");
            let at = format!("secrets.aws.{key}");
            assert_eq!(finding.key, at.trim_end_matches('.'), "{finding}");
        }
        let both = format!("{SOUND}[secrets.aws.instance]");
        let both = config(&both).unwrap_err();
        assert!(both.findings()[0].message.contains("must have one login"), "{both}");
    }
}
