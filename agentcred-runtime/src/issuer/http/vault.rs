//! The vault side on the wire: its metadata, and forms posted with a proof.

use agentcred_protocol::key::SigningKey;
use agentcred_protocol::metadata::{Metadata, WELL_KNOWN};
use agentcred_protocol::names::AgentId;
use agentcred_protocol::refusal::{RefusalBody, RefusalCode};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use url::Url;
use zeroize::Zeroizing;

use super::identity::Identity;
use super::proven::{ProvenError, ProvenWire};
use crate::issuer::IssuerError;
use crate::wire::{Exchange, ISSUER_WAIT, WireError};

/// What every task of this issuer shares.
pub(super) struct Vault {
    pub(super) wire: ProvenWire,
    pub(super) url: Url,
    pub(super) identity: Identity,
    pub(super) only_agent: Option<AgentId>,
}

impl Vault {
    /// The metadata, which must speak of the very issuer that was asked (RFC 8414 section 3.3):
    /// tokens go to no other origin.
    pub(super) async fn discover(&self) -> Result<Metadata, IssuerError> {
        let mut url = self.url.clone();
        url.set_path(WELL_KNOWN);
        let exchange = Exchange {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
            upload: None,
            wait: ISSUER_WAIT,
        };
        let answer = self.wire.send(exchange).await.map_err(|error| self.failed(error))?;
        if answer.status != StatusCode::OK {
            return Err(self.garbled());
        }
        let metadata: Metadata =
            serde_json::from_slice(&answer.body).map_err(|_| self.garbled())?;
        let endpoints = [
            &metadata.issuer,
            &metadata.token_endpoint,
            &metadata.revocation_endpoint,
            &metadata.agentcred_egress_endpoint,
        ];
        if endpoints.iter().any(|endpoint| endpoint.origin() != self.url.origin()) {
            return Err(IssuerError::Misconfigured(format!(
                "the issuer at {} names endpoints at another origin; set AGENTCRED_ISSUER to the issuer's own `issuer` URL",
                self.name()
            )));
        }
        Ok(metadata)
    }

    /// Posts a form with a proof and gives the body of a success.
    pub(super) async fn post(
        &self,
        url: &Url,
        proof_key: &SigningKey,
        form: Zeroizing<String>,
    ) -> Result<Bytes, IssuerError> {
        let headers =
            vec![(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))];
        let exchange = Exchange {
            method: Method::POST,
            url: url.clone(),
            headers,
            body: Bytes::from_owner(form),
            upload: None,
            wait: ISSUER_WAIT,
        };
        let answer = self.wire.send_proven(exchange, proof_key, None).await;
        let answer = answer.map_err(|error| match error {
            ProvenError::Wire(error) => self.failed(error),
            ProvenError::Local => IssuerError::Local,
        })?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let refusal: RefusalBody =
            serde_json::from_slice(&answer.body).map_err(|_| self.garbled())?;
        Err(match refusal.pending {
            Some(pending) if refusal.error == RefusalCode::AuthorizationPending => {
                IssuerError::Pending(pending)
            }
            _ => IssuerError::Refused(refusal.error),
        })
    }

    fn failed(&self, error: WireError) -> IssuerError {
        match error {
            WireError::Unreachable | WireError::TimedOut => {
                IssuerError::Unreachable { issuer: self.name() }
            }
            WireError::TooLarge(_) | WireError::Sent => self.garbled(),
        }
    }

    pub(super) fn garbled(&self) -> IssuerError {
        IssuerError::Garbled { issuer: self.name() }
    }

    fn name(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}
