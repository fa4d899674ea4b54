//! Configuration by environment, read here and nowhere else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentcred_protocol::key::SigningKey;
use agentcred_protocol::names::AgentId;
use url::Url;
use zeroize::Zeroizing;

use crate::issuer::{Identity, IssuerError, read_assertion};

/// What the environment says of the issuer and of this agent.
pub(crate) struct Environment {
    pub(crate) issuer: Url,
    pub(crate) identity: Identity,
    pub(crate) agent_id: Option<AgentId>,
    pub(crate) authorities: Vec<reqwest::Certificate>,
}

impl Environment {
    /// Reads `AGENTCRED_ISSUER`, `AGENTCRED_AGENT_KEY_FILE` or `AGENTCRED_ASSERTION_FILE`,
    /// `AGENTCRED_AGENT_ID` and `AGENTCRED_CA_FILE`.
    pub(crate) fn read() -> Result<Self, IssuerError> {
        Self::from(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Result<Self, IssuerError> {
        let issuer = variable(ISSUER).ok_or_else(|| {
            misconfigured(format!(
                "{ISSUER} is not set; set it to the issuer's URL, as http://127.0.0.1:8420"
            ))
        })?;
        let issuer = Url::parse(&issuer).map_err(|_| {
            misconfigured(format!("{ISSUER} is not a URL, as http://127.0.0.1:8420"))
        })?;
        let identity = read_identity(variable(KEY_FILE), variable(ASSERTION_FILE))?;
        let agent_id = variable(AGENT_ID)
            .map(|id| {
                AgentId::new(id).map_err(|error| misconfigured(format!("{AGENT_ID}: {error}")))
            })
            .transpose()?;
        let authorities =
            variable(CA_FILE).map(|file| read_authorities(Path::new(&file))).transpose()?;
        Ok(Self { issuer, identity, agent_id, authorities: authorities.unwrap_or_default() })
    }
}

const ISSUER: &str = "AGENTCRED_ISSUER";
const KEY_FILE: &str = "AGENTCRED_AGENT_KEY_FILE";
const ASSERTION_FILE: &str = "AGENTCRED_ASSERTION_FILE";
const AGENT_ID: &str = "AGENTCRED_AGENT_ID";
const CA_FILE: &str = "AGENTCRED_CA_FILE";

/// One of the two: with both it would be unclear who the agent is.
fn read_identity(
    key_file: Option<String>,
    assertion_file: Option<String>,
) -> Result<Identity, IssuerError> {
    match (key_file, assertion_file) {
        (Some(file), None) => Ok(Identity::Key(Arc::new(read_key(Path::new(&file))?))),
        (None, Some(file)) => {
            let file = PathBuf::from(file);
            read_assertion(&file)
                .map_err(|error| misconfigured(format!("{ASSERTION_FILE}: {error}")))?;
            Ok(Identity::AssertionFile(file))
        }
        (None, None) => Err(misconfigured(format!(
            "{KEY_FILE} is not set; set it to the file that `agentcred-issuer keygen` wrote for this agent, or {ASSERTION_FILE} to a token that its platform keeps there"
        ))),
        (Some(_), Some(_)) => Err(misconfigured(format!(
            "{KEY_FILE} and {ASSERTION_FILE} are both set; unset the one that is not meant"
        ))),
    }
}

fn read_key(file: &Path) -> Result<SigningKey, IssuerError> {
    let text = Zeroizing::new(read(KEY_FILE, file)?);
    SigningKey::read(&text)
        .map_err(|error| misconfigured(format!("{KEY_FILE}: {}: {error}", file.display())))
}

fn read_authorities(file: &Path) -> Result<Vec<reqwest::Certificate>, IssuerError> {
    let unusable =
        || misconfigured(format!("{CA_FILE}: {} holds no PEM certificate", file.display()));
    let certificates = reqwest::Certificate::from_pem_bundle(read(CA_FILE, file)?.as_bytes())
        .map_err(|_| unusable())?;
    if certificates.is_empty() { Err(unusable()) } else { Ok(certificates) }
}

fn read(variable: &str, file: &Path) -> Result<String, IssuerError> {
    std::fs::read_to_string(file).map_err(|error| {
        misconfigured(format!("{variable}: {} cannot be read: {}", file.display(), error.kind()))
    })
}

fn misconfigured(text: String) -> IssuerError {
    IssuerError::Misconfigured(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(variables: &[(&str, &str)]) -> String {
        let read = Environment::from(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        read.err().expect("refused").to_string()
    }

    // Leak channel 27.
    #[test]
    fn each_problem_names_its_variable() {
        assert!(refusal(&[]).starts_with("AGENTCRED_ISSUER is not set"));
        assert!(refusal(&[(ISSUER, "here")]).starts_with("AGENTCRED_ISSUER is not a URL"));
        assert!(
            refusal(&[(ISSUER, "http://127.0.0.1:1")])
                .starts_with("AGENTCRED_AGENT_KEY_FILE is not set")
        );
        let missing = refusal(&[(ISSUER, "http://127.0.0.1:1"), (KEY_FILE, "/nowhere/key.jwk")]);
        assert!(missing.contains("/nowhere/key.jwk cannot be read"), "{missing}");
        let (_, key) = SigningKey::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key_file = folder.path().join("key.jwk");
        std::fs::write(&key_file, key.as_bytes()).unwrap();
        let key_file = key_file.to_str().unwrap();
        assert!(
            refusal(&[(ISSUER, "http://127.0.0.1:1"), (KEY_FILE, key_file), (AGENT_ID, "a b")])
                .starts_with("AGENTCRED_AGENT_ID")
        );
    }

    #[test]
    fn an_agent_has_a_key_file_or_an_assertion_file_and_not_both() {
        let both =
            refusal(&[(ISSUER, "http://127.0.0.1:1"), (KEY_FILE, "k"), (ASSERTION_FILE, "a")]);
        assert!(both.contains("are both set"), "{both}");
        // The key's file holds no assertion, and nothing of it is shown.
        let (_, key) = SigningKey::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, key.as_bytes()).unwrap();
        let file = file.to_str().unwrap();
        let refused = refusal(&[(ISSUER, "http://127.0.0.1:1"), (ASSERTION_FILE, file)]);
        assert!(refused.starts_with("AGENTCRED_ASSERTION_FILE: "), "{refused}");
        assert!(!refused.contains("\"d\""), "{refused}");
    }
}
