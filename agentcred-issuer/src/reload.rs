//! Reload: a changed policy takes the place of the one in use, whole or not at all.

use std::path::PathBuf;

use agentcred_protocol::names::OperatorName;

use crate::audit::{AuditError, Event};
use crate::config::{Config, InvalidConfig};
use crate::vault::Vault;

/// What a server was started from.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file; none when the configuration was given as text.
    pub(crate) path: Option<PathBuf>,
    pub(crate) text: String,
}

/// A policy that is in use now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// SHA-256 of the configuration's text, as the audit has it.
    pub digest: String,
}

/// Why a policy was not replaced. The one from before stays in use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// There is no file to read again.
    #[error("this server was not started from a file, so there is none to read again")]
    NoFile,
    /// The file is refused; every finding is listed.
    #[error(transparent)]
    Refused(#[from] InvalidConfig),
    /// The change cannot be recorded, so it is not made.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The file could not be read to its end.
    #[error("reading the configuration was broken off")]
    BrokenOff,
}

impl Vault {
    /// Reads the configuration again and takes over agents, services and the limits of tasks for
    /// the next request on. Everything else has to be as it was.
    pub(crate) async fn reload(
        &self,
        operator: Option<&OperatorName>,
    ) -> Result<Reloaded, ReloadError> {
        // One after another, so that the file that was read last is the one in use.
        let _turn = self.reloading.lock().await;
        let path = self.source.path.clone().ok_or(ReloadError::NoFile)?;
        let config = tokio::task::spawn_blocking(move || Config::load(&path))
            .await
            .map_err(|_| ReloadError::BrokenOff)??;
        let mut findings = config.beyond_policy(&self.source.text);
        findings.extend(config.check_secrets(&*self.secrets).await);
        if !findings.is_empty() {
            return Err(InvalidConfig::new(findings).into());
        }
        let digest = config.digest();
        self.record(Event::Reload { policy: &digest, operator }).await?;
        self.policy.store(config.policy.into());
        tracing::info!(policy = digest, "the policy was replaced");
        Ok(Reloaded { digest })
    }
}
