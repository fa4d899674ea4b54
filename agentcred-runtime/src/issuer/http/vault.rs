//! The vault side on the wire: its metadata, and forms posted with a proof.

use std::sync::Arc;

use agentcred_protocol::clock::{Clock as _, SystemClock};
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::metadata::{Metadata, WELL_KNOWN};
use agentcred_protocol::names::AgentId;
use agentcred_protocol::proof::{self, ProvenRequest};
use agentcred_protocol::random::fresh_id;
use agentcred_protocol::refusal::RefusalBody;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use url::Url;
use zeroize::Zeroizing;

use crate::issuer::IssuerError;
use crate::wire::{Exchange, ISSUER_WAIT, Wire, WireError};

/// What every task of this issuer shares.
pub(super) struct Vault {
    pub(super) wire: Wire,
    pub(super) url: Url,
    pub(super) agent_key: Arc<SigningKey>,
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
        let request = ProvenRequest { method: &Method::POST, url, token_hash: None };
        let id = fresh_id().map_err(|_| IssuerError::Local)?;
        let proof = proof::sign(proof_key, request, &id, SystemClock.now())
            .map_err(|_| IssuerError::Local)?;
        let headers = vec![
            (proof_header(), proof),
            (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        ];
        let exchange = Exchange {
            method: Method::POST,
            url: url.clone(),
            headers,
            body: Bytes::from_owner(form),
            wait: ISSUER_WAIT,
        };
        let answer = self.wire.send(exchange).await.map_err(|error| self.failed(error))?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let refusal: RefusalBody =
            serde_json::from_slice(&answer.body).map_err(|_| self.garbled())?;
        Err(IssuerError::Refused(refusal.error))
    }

    fn failed(&self, error: WireError) -> IssuerError {
        match error {
            WireError::Unreachable | WireError::TimedOut => {
                IssuerError::Unreachable { issuer: self.name() }
            }
            WireError::TooLarge(_) => self.garbled(),
        }
    }

    pub(super) fn garbled(&self) -> IssuerError {
        IssuerError::Garbled { issuer: self.name() }
    }

    fn name(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

pub(super) fn proof_header() -> HeaderName {
    HeaderName::from_static(proof::HEADER)
}
