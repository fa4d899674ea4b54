//! Secrets in OpenBao or Vault: fields of its key-value engine, version 2.

mod answers;
mod api;
mod login;
mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::clock::Clock;
use http::{HeaderValue, StatusCode};

use super::backoff::Backoff;
use super::failure::Failure;
use super::{Secret, SecretError, SecretRef, StoreParts};
use crate::service::Destination;
use api::Api;
use session::Session;

pub(crate) use login::Login;

/// Where the server is and how this issuer logs in.
#[derive(Clone, Debug)]
pub(crate) struct OpenBaoConfig {
    pub(crate) destination: Destination,
    pub(crate) namespace: Option<HeaderValue>,
    /// Mounts of more than one segment. Otherwise the first segment of a path is its mount.
    pub(crate) mounts: Vec<String>,
    /// How long each answer may take.
    pub(crate) timeout: Duration,
    pub(crate) login: Login,
}

/// A server, and the token that this issuer has from it.
pub(super) struct OpenBao {
    mounts: Vec<String>,
    api: Arc<Api>,
    session: Arc<Session>,
    backoff: Backoff,
    clock: Arc<dyn Clock>,
}

impl OpenBao {
    pub(super) fn new(config: &OpenBaoConfig, parts: &StoreParts) -> Self {
        let api = Arc::new(Api::new(config, Arc::clone(&parts.resolver)));
        let clock = Arc::clone(&parts.clock);
        let session = Session::new(Arc::clone(&api), config.login.clone(), Arc::clone(&clock));
        Self {
            mounts: config.mounts.clone(),
            api,
            session: Arc::new(session),
            backoff: Backoff::new(Arc::clone(&parts.random)),
            clock,
        }
    }

    /// A field of the newest version of a secret.
    pub(super) async fn fetch(
        &self,
        path: &str,
        field: &str,
        reference: &SecretRef,
    ) -> Result<Secret, SecretError> {
        let address = self.address(path);
        let read = self.backoff.around(&*self.clock, self.read(&address, field)).await;
        read.map_err(|failure| failure.about(reference))
    }

    /// A token that is refused is replaced once: it may have been revoked.
    async fn read(&self, address: &str, field: &str) -> Result<Secret, Failure> {
        let token = self.session.token().await?;
        match self.api.read(address, field, &token).await {
            Err(Failure::Refused(StatusCode::FORBIDDEN)) => {
                match self.session.token_after(&token).await? {
                    Some(newer) => self.api.read(address, field, &newer).await,
                    None => Err(Failure::Refused(StatusCode::FORBIDDEN)),
                }
            }
            read => read,
        }
    }

    /// Where the engine keeps what is at a path: behind its mount, below `data`.
    fn address(&self, path: &str) -> String {
        let behind = |mount: &str| path.strip_prefix(mount)?.strip_prefix('/');
        let named = self.mounts.iter().filter_map(|mount| Some((mount.as_str(), behind(mount)?)));
        let longest = named.max_by_key(|(mount, _)| mount.len());
        let (mount, rest) = longest.or_else(|| path.split_once('/')).unwrap_or((path, ""));
        format!("/v1/{mount}/data/{rest}")
    }
}
