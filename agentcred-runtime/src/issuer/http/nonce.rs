//! A nonce of this project's issuer: each use carries a proof by the task's key.

use std::sync::Arc;

use agentcred_protocol::refusal::{REFUSAL_HEADER, RETRYABLE_HEADER, RefusalCode};
use agentcred_protocol::request::revoke_nonce_form;
use agentcred_protocol::scrub::Scrubber;
use agentcred_protocol::token::NonceToken;
use async_trait::async_trait;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use url::Url;

use super::Session;
use super::proven::ProvenError;
use crate::egress::{EgressRequest, EgressResponse, RequestError};
use crate::issuer::{Credential, IssuerError};
use crate::upload::{Upload, UploadProblem};
use crate::wire::{BROKER_WAIT, Exchange, WireError};

pub(super) struct HttpNonce {
    pub(super) session: Arc<Session>,
    pub(super) egress: Url,
    pub(super) nonce: NonceToken,
}

#[async_trait]
impl Credential for HttpNonce {
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, RequestError> {
        match self.send_once(request.clone()).await {
            // The broker says that nothing went upstream and gave the use back.
            Err(Attempt { error: _, retryable: true }) if request.upload.is_none() => {
                self.send_once(request).await.map_err(|attempt| attempt.error)
            }
            outcome => outcome.map_err(|attempt| attempt.error),
        }
    }

    async fn revoke(&self) -> Result<(), IssuerError> {
        self.session.revoke(revoke_nonce_form(&self.nonce)).await
    }

    fn scrubber(&self) -> Scrubber {
        self.nonce.scrubber()
    }
}

struct Attempt {
    error: RequestError,
    retryable: bool,
}

impl From<RequestError> for Attempt {
    fn from(error: RequestError) -> Self {
        Self { error, retryable: false }
    }
}

impl HttpNonce {
    async fn send_once(&self, request: EgressRequest) -> Result<EgressResponse, Attempt> {
        let Session { vault, proof_key, .. } = &*self.session;
        let url = target(&self.egress, &request)?;
        let token_hash = self.nonce.proof_hash();
        let authorization = self.nonce.authorization().map_err(|_| RequestError::Local)?;
        let mut headers = vec![(AUTHORIZATION, authorization)];
        headers.extend(request.content_type.map(|media| (CONTENT_TYPE, media)));
        let exchange = Exchange {
            method: request.method,
            url,
            headers,
            body: request.body,
            upload: request.upload.clone(),
            wait: request.wait.unwrap_or(BROKER_WAIT),
        };
        let answer = vault.wire.send_proven(exchange, proof_key, Some(&token_hash)).await;
        let answer = answer.map_err(|error| match error {
            ProvenError::Wire(WireError::Unreachable) => {
                let problem = request.upload.as_ref().and_then(Upload::problem);
                problem.map_or(RequestError::Unreachable, RequestError::Upload)
            }
            ProvenError::Wire(WireError::Sent) => RequestError::Upload(UploadProblem::Sent),
            ProvenError::Wire(WireError::TimedOut) => RequestError::TimedOut,
            ProvenError::Wire(WireError::TooLarge(limit)) => RequestError::TooLarge(limit),
            ProvenError::Local => RequestError::Local,
        })?;
        let Some(code) = answer.headers.get(REFUSAL_HEADER) else {
            return Ok(answer);
        };
        let code = code
            .to_str()
            .ok()
            .and_then(RefusalCode::from_wire)
            .unwrap_or(RefusalCode::TemporarilyUnavailable);
        let retryable = answer.headers.get(RETRYABLE_HEADER).is_some_and(|value| value == "1");
        Err(Attempt { error: RequestError::Refused(code), retryable })
    }
}

/// Where a request goes: below the service's place at the broker, byte for byte as it was written.
fn target(egress: &Url, request: &EgressRequest) -> Result<Url, RequestError> {
    let path = format!("{}{}", egress.path(), request.path);
    let mut url = egress.clone();
    url.set_path(&path);
    // A parser that changes the path would have the broker see another one than the author.
    if url.path() != path {
        return Err(RequestError::InvalidPath);
    }
    url.set_query(Some(request.query.as_str()).filter(|query| !query.is_empty()));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn a_path_goes_out_as_it_was_written_or_not_at_all() {
        let egress = Url::parse("https://broker.example/egress/stripe").unwrap();
        let sent = |path: &str| target(&egress, &EgressRequest::new(Method::GET, path));
        let url = sent("/v1/customers/cus_1").unwrap();
        assert_eq!(url.as_str(), "https://broker.example/egress/stripe/v1/customers/cus_1");
        for path in ["/../github/user", "/v1/./x", "/v1/%2e%2e/x", "/v1\\x", "/v1/x y", "/v1/é"] {
            assert_eq!(sent(path), Err(RequestError::InvalidPath), "{path}");
        }
    }
}
