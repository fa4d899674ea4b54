//! All stores of a configuration behind one: each reference is asked for where it belongs.

use std::fmt;
use std::sync::Arc;

use agentcred_protocol::clock::Clock;
use async_trait::async_trait;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use super::aws::Aws;
use super::openbao::OpenBao;
use super::{AwsConfig, LocalSecrets, OpenBaoConfig, Secret, SecretError, SecretRef, SecretStore};
use crate::resolver::{Resolver, SystemResolver};
use crate::steady::SteadyClock;

/// What stores work with.
pub(crate) struct StoreParts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn SecureRandom + Send + Sync>,
    pub(crate) resolver: Arc<dyn Resolver>,
}

impl StoreParts {
    /// The machine's own.
    pub(crate) fn system() -> Self {
        Self {
            clock: Arc::new(SteadyClock::system()),
            random: Arc::new(SystemRandom::new()),
            resolver: Arc::new(SystemResolver),
        }
    }
}

/// Which stores there are beside this machine.
#[derive(Debug, Default)]
pub(crate) struct StoresConfig {
    pub(crate) openbao: Option<OpenBaoConfig>,
    pub(crate) aws: Option<AwsConfig>,
}

/// The secrets of this machine, and of the stores that a configuration names.
pub(crate) struct Stores {
    local: LocalSecrets,
    openbao: Option<OpenBao>,
    aws: Option<Aws>,
}

impl Stores {
    pub(crate) fn of(config: &StoresConfig, parts: &StoreParts) -> Self {
        let openbao = config.openbao.as_ref().map(|config| OpenBao::new(config, parts));
        let aws = config.aws.as_ref().map(|config| Aws::new(config, parts));
        Self { local: LocalSecrets, openbao, aws }
    }
}

#[async_trait]
impl SecretStore for Stores {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match (reference, &self.openbao, &self.aws) {
            (SecretRef::OpenBao { path, field }, Some(openbao), _) => {
                openbao.fetch(path, field, reference).await
            }
            (SecretRef::AwsSecretsManager { name, field }, _, Some(aws)) => {
                aws.fetch(name, field.as_deref(), reference).await
            }
            _ => self.local.fetch(reference).await,
        }
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores")
            .field("openbao", &self.openbao.is_some())
            .field("aws", &self.aws.is_some())
            .finish_non_exhaustive()
    }
}
