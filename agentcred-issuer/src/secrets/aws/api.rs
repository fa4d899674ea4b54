//! The one operation of the service that is used, and what its errors mean.

use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use serde_json::json;
use zeroize::Zeroizing;

use super::answers::Refusal;
use super::{AwsConfig, of_status};
use crate::inject::SigV4;
use crate::resolver::Resolver;
use crate::secrets::failure::{Failure, ask_in_time};
use crate::secrets::{Secret, Unavailable};
use crate::service::Destination;

pub(super) struct Api {
    destination: Destination,
    signer: SigV4,
    timeout: Duration,
    resolver: Arc<dyn Resolver>,
}

impl Api {
    pub(super) fn new(config: &AwsConfig, resolver: Arc<dyn Resolver>) -> Self {
        Self {
            destination: config.destination.clone(),
            signer: config.signer.clone(),
            timeout: config.timeout,
            resolver,
        }
    }

    /// `GetSecretValue`: the whole answer about the current version of a secret.
    pub(super) async fn secret_value(
        &self,
        name: &str,
        key: &Secret,
        now: UnixTime,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let body = json!({ "SecretId": name }).to_string();
        let mut question = Request::new(Bytes::from(body));
        *question.method_mut() = Method::POST;
        *question.uri_mut() = Uri::from_static("/");
        let host = self.destination.origin.host_header().map_err(|_| Failure::Missing)?;
        let headers = question.headers_mut();
        headers.insert(header::HOST, host);
        headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert(TARGET, HeaderValue::from_static("secretsmanager.GetSecretValue"));
        self.signer.sign(&mut question, key, now).map_err(Failure::Unusable)?;
        let (status, answer) = self.ask(&self.destination, question).await?;
        if status == StatusCode::OK {
            return Ok(answer);
        }
        Err(match Refusal::of(&answer) {
            Some(Refusal::Missing) => Failure::Missing,
            Some(Refusal::Denied) => Failure::Refused(status),
            Some(Refusal::Busy) => Failure::Unavailable(Unavailable::Busy),
            None => of_status(status),
        })
    }

    /// Asks this service or another one, in the time that each has.
    pub(super) async fn ask(
        &self,
        destination: &Destination,
        question: Request<Bytes>,
    ) -> Result<(StatusCode, Zeroizing<Vec<u8>>), Failure> {
        let answer = ask_in_time(destination, &*self.resolver, question, self.timeout).await?;
        Ok((answer.status(), answer.into_body()))
    }
}

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
