//! Secrets in AWS Secrets Manager: the current version of each, asked for by a signed request.

mod answers;
mod api;
mod login;
mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::clock::Clock;
use http::StatusCode;

use super::backoff::Backoff;
use super::failure::Failure;
use super::{Secret, SecretError, SecretRef, StoreParts, Unavailable};
use crate::inject::SigV4;
use crate::service::Destination;
use answers::Found;
use api::Api;
use session::Session;

pub(crate) use login::AwsLogin;

/// Where the service is and how this issuer logs in.
#[derive(Clone, Debug)]
pub(crate) struct AwsConfig {
    pub(crate) destination: Destination,
    /// What requests are signed for: this service, in one region.
    pub(crate) signer: SigV4,
    /// How long each answer may take.
    pub(crate) timeout: Duration,
    pub(crate) login: AwsLogin,
}

/// The service in one region, and the key that this issuer has for it.
pub(super) struct Aws {
    api: Arc<Api>,
    session: Session,
    backoff: Backoff,
    clock: Arc<dyn Clock>,
}

impl Aws {
    pub(super) fn new(config: &AwsConfig, parts: &StoreParts) -> Self {
        let clock = Arc::clone(&parts.clock);
        let api = Arc::new(Api::new(config, Arc::clone(&parts.resolver)));
        Self {
            session: Session::new(Arc::clone(&api), config.login.clone(), Arc::clone(&clock)),
            api,
            backoff: Backoff::new(Arc::clone(&parts.random)),
            clock,
        }
    }

    /// The current version of a secret, or a field of it where it is a JSON object.
    pub(super) async fn fetch(
        &self,
        name: &str,
        field: Option<&str>,
        reference: &SecretRef,
    ) -> Result<Secret, SecretError> {
        let read = self.backoff.around(&*self.clock, self.read(name, field)).await;
        read.map_err(|failure| failure.about(reference))
    }

    /// A key that is refused is replaced once: it may have ended before its time.
    async fn read(&self, name: &str, field: Option<&str>) -> Result<Secret, Failure> {
        let key = self.session.key().await?;
        let answer = match self.api.secret_value(name, &key, self.clock.now()).await {
            Err(Failure::LoginRefused(status)) => match self.session.key_after(&key).await? {
                Some(newer) => self.api.secret_value(name, &newer, self.clock.now()).await?,
                None => return Err(Failure::LoginRefused(status)),
            },
            answered => answered?,
        };
        Found::of(&answer)?.secret(field)
    }
}

/// What a status means that comes with no code that this side knows.
fn of_status(status: StatusCode) -> Failure {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Failure::Unavailable(Unavailable::Busy),
        status if status.is_client_error() => Failure::LoginRefused(status),
        status => Failure::Unavailable(Unavailable::Faulty(status)),
    }
}
