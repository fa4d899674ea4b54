//! Configuration by environment, read here and nowhere else.

use std::path::Path;

use agentcred_protocol::key::SigningKey;
use agentcred_protocol::names::AgentId;
use url::Url;
use zeroize::Zeroizing;

use crate::issuer::IssuerError;

/// What the environment says of the issuer and of this agent.
pub(crate) struct Environment {
    pub(crate) issuer: Url,
    pub(crate) agent_key: SigningKey,
    pub(crate) agent_id: Option<AgentId>,
    pub(crate) authorities: Vec<reqwest::Certificate>,
}

impl Environment {
    /// Reads `AGENTCRED_ISSUER`, `AGENTCRED_AGENT_KEY_FILE`, `AGENTCRED_AGENT_ID` and
    /// `AGENTCRED_CA_FILE`.
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
        let key_file = variable(KEY_FILE).ok_or_else(|| {
            misconfigured(format!("{KEY_FILE} is not set; set it to the file that `agentcred-issuer keygen` wrote for this agent"))
        })?;
        let agent_id = variable(AGENT_ID)
            .map(|id| {
                AgentId::new(id).map_err(|error| misconfigured(format!("{AGENT_ID}: {error}")))
            })
            .transpose()?;
        let authorities =
            variable(CA_FILE).map(|file| read_authorities(Path::new(&file))).transpose()?;
        Ok(Self {
            issuer,
            agent_key: read_key(Path::new(&key_file))?,
            agent_id,
            authorities: authorities.unwrap_or_default(),
        })
    }
}

const ISSUER: &str = "AGENTCRED_ISSUER";
const KEY_FILE: &str = "AGENTCRED_AGENT_KEY_FILE";
const AGENT_ID: &str = "AGENTCRED_AGENT_ID";
const CA_FILE: &str = "AGENTCRED_CA_FILE";

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
        assert!(
            refusal(&[(ISSUER, "http://127.0.0.1:1"), (KEY_FILE, "x"), (AGENT_ID, "a b")])
                .starts_with("AGENTCRED_AGENT_ID")
        );
    }
}
