//! Where a secret is kept, as the configuration names it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a secret is kept. The configuration holds references and never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecretRef {
    /// An environment variable of the issuer: `env:NAME`.
    Env(String),
    /// A file that only the issuer's user can read: `file:PATH`.
    File(PathBuf),
    /// A field of a secret in OpenBao or Vault: `openbao:MOUNT/PATH#FIELD`.
    OpenBao {
        /// The mount and the path in it, as `kv/stripe`.
        path: Box<str>,
        /// The field of the secret.
        field: Box<str>,
    },
    /// A secret in AWS Secrets Manager: `aws-secretsmanager:NAME`, or `...#FIELD` where it is a
    /// JSON object.
    AwsSecretsManager {
        /// Its name or its ARN.
        name: Box<str>,
        /// The field, if not the whole text is meant.
        field: Option<Box<str>>,
    },
}

impl SecretRef {
    /// Reads a reference. The text is never repeated: it may be a key that was put in the
    /// wrong place.
    pub(crate) fn read(text: &str, folder: &Path) -> Result<Self, &'static str> {
        match text.split_once(':') {
            Some(("env", name)) if is_variable_name(name) => Ok(Self::Env(name.to_owned())),
            Some(("env", _)) => Err("must name a variable after env:, as env:STRIPE_KEY"),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(folder.join(path))),
            Some(("file", _)) => Err("must name a file after file:"),
            Some(("openbao", place)) => read_openbao(place).ok_or(
                "must name mount, path and field after openbao:, as openbao:kv/stripe#api_key, in \
                 letters, digits, -, _ and .",
            ),
            Some(("aws-secretsmanager", place)) => read_aws(place).ok_or(
                "must be a name or an ARN after aws-secretsmanager:, and a field after # if one is \
                 meant, as aws-secretsmanager:prod/stripe#api_key",
            ),
            _ => Err("must say where the key is kept, as env:NAME, file:PATH, \
                      openbao:MOUNT/PATH#FIELD or aws-secretsmanager:NAME#FIELD; if this is the \
                      key itself, take it out of the configuration and change it"),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::OpenBao { path, field } => write!(f, "openbao:{path}#{field}"),
            Self::AwsSecretsManager { name, field: None } => write!(f, "aws-secretsmanager:{name}"),
            Self::AwsSecretsManager { name, field: Some(field) } => {
                write!(f, "aws-secretsmanager:{name}#{field}")
            }
        }
    }
}

fn read_openbao(place: &str) -> Option<SecretRef> {
    let (path, field) = place.split_once('#')?;
    let is_sound = is_path(path) && path.contains('/') && is_segment(field);
    is_sound.then(|| SecretRef::OpenBao { path: path.into(), field: field.into() })
}

fn read_aws(place: &str) -> Option<SecretRef> {
    let (name, field) = match place.split_once('#') {
        None => (place, None),
        Some((name, field)) => (name, Some(field)),
    };
    // What a name may hold, and the colons of an ARN.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-:".contains(&byte);
    let is_sound = (1..=LONGEST_PATH).contains(&name.len())
        && name.bytes().all(is_plain)
        && field.is_none_or(is_segment);
    let read = || SecretRef::AwsSecretsManager { name: name.into(), field: field.map(Into::into) };
    is_sound.then(read)
}

/// A path that needs no encoding and leads where it says.
pub(crate) fn is_path(text: &str) -> bool {
    text.len() <= LONGEST_PATH && text.split('/').all(is_segment)
}

pub(super) fn is_segment(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && !matches!(text, "." | "..") && text.bytes().all(is_plain)
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

const LONGEST_PATH: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "/etc/agentcred";

    #[test]
    fn what_is_read_is_shown_as_it_was_written() {
        for text in [
            "env:KEY",
            "openbao:kv/stripe#api_key",
            "openbao:team/kv/eu/stripe.v2#k-1",
            "aws-secretsmanager:prod/stripe",
            "aws-secretsmanager:stripe#api_key",
            "aws-secretsmanager:arn:aws:secretsmanager:eu-central-1:1:secret:stripe-Ab1#key",
        ] {
            assert_eq!(SecretRef::read(text, FOLDER.as_ref()).unwrap().to_string(), text);
        }
        let file = SecretRef::read("file:key", FOLDER.as_ref()).unwrap();
        assert_eq!(file.to_string(), "file:/etc/agentcred/key");
    }

    #[test]
    fn a_key_in_place_of_a_reference_is_refused_and_not_repeated() {
        for text in [
            "sk_live_canary",
            "vault:x",
            "env:",
            "env:A B",
            "file:",
            "",
            "openbao:canary",
            "openbao:kv#canary",
            "openbao:kv/canary",
            "openbao:kv/../canary#key",
            "openbao:/kv/canary#key",
            "openbao:kv//canary#key",
            "openbao:kv/canary#key#key",
            "openbao:kv/canary?version=1#key",
            "openbao:kv/c%61nary#key",
            "aws-secretsmanager:",
            "aws-secretsmanager:#canary",
            "aws-secretsmanager:canary#",
            "aws-secretsmanager:can ary",
            "aws-secretsmanager:canary?",
            "aws-secretsmanager:canary#key#key",
        ] {
            let message = SecretRef::read(text, FOLDER.as_ref()).unwrap_err();
            assert!(!message.contains("canary"), "{message}");
        }
    }
}
