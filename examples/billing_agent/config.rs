//! Configuration by environment, read here and nowhere else in the example.

use std::env;

/// What the environment says.
pub(crate) struct Environment {
    pub(crate) openai: Option<OpenAi>,
    pub(crate) anthropic_model: Option<String>,
    pub(crate) has_anthropic_key: bool,
    /// Whether there is an issuer outside of this process.
    pub(crate) has_issuer: bool,
    pub(crate) agent_id: Option<String>,
}

/// A server with OpenAI's chat API.
pub(crate) struct OpenAi {
    pub(crate) has_key: bool,
    pub(crate) base_url: Option<String>,
    pub(crate) model: Option<String>,
}

impl Environment {
    pub(crate) fn read() -> Self {
        Self::from(|name| env::var(name).ok())
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let has_key = set("OPENAI_API_KEY").is_some();
        let base_url = set("OPENAI_BASE_URL");
        let openai = (has_key || base_url.is_some()).then(|| OpenAi {
            has_key,
            base_url,
            model: set("OPENAI_MODEL"),
        });
        Self {
            openai,
            anthropic_model: set("ANTHROPIC_MODEL"),
            has_anthropic_key: set("ANTHROPIC_API_KEY").is_some(),
            has_issuer: set("AGENTCRED_ISSUER").is_some(),
            agent_id: set("AGENTCRED_AGENT_ID"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Environment {
        Environment::from(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let environment = with(&[("OPENAI_API_KEY", ""), ("AGENTCRED_ISSUER", "")]);
        assert!(environment.openai.is_none() && !environment.has_issuer);
    }

    #[test]
    fn a_local_server_needs_no_key() {
        let environment = with(&[("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")]);
        assert!(environment.openai.is_some_and(|openai| !openai.has_key));
    }
}
