//! Routes: which endpoint a request is for, and what no endpoint takes.

use std::sync::Arc;

use agentcred_protocol::answer::TOOL_CALL;
use agentcred_protocol::introspection::Introspection;
use agentcred_protocol::metadata::{Metadata, WELL_KNOWN};
use agentcred_protocol::proof::SERVER_NONCE_HEADER;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::TOKEN_EXCHANGE;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use zeroize::Zeroizing;

use crate::accept::Answers;
use crate::audit::{Endpoint, Event};
use crate::broker::broker;
use crate::metrics::{Open, Side};
use crate::refused::Refused;
use crate::reply::{self, Reply};
use crate::revoke;
use crate::vault::{Endpoints, Vault};
use crate::{inspect, issue};

impl Answers for Vault {
    fn count(&self) -> Open {
        self.metrics.open(Side::Agents)
    }

    /// Every answer brings the server nonce for the next proof, so that who makes requests now
    /// and then is never sent back for one (RFC 9449 section 8.2).
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Reply {
        if request.headers().contains_key(header::UPGRADE) {
            return reply::protocol_switch();
        }
        let mut reply = match check_framing(&request) {
            Ok(()) => route(&self, request).await,
            Err(status) => reply::closing(status),
        };
        let server_nonce = self.server_nonces.as_ref().and_then(|it| it.header(self.now()));
        if let Some(server_nonce) = server_nonce {
            reply.headers_mut().insert(SERVER_NONCE_HEADER, server_nonce);
        }
        reply
    }
}

async fn route(vault: &Arc<Vault>, request: Request<Incoming>) -> Reply {
    match (request.method(), request.uri().path()) {
        (&Method::GET, WELL_KNOWN) => metadata(vault),
        (&Method::POST, Endpoints::TOKEN) => {
            let (head, body) = request.into_parts();
            let answered = match read_form(vault, &head.headers, body).await {
                Ok(form) => issue::token(vault, &head.headers, &form).await,
                Err(refused) => Err(refused),
            };
            match answered {
                Ok(json) => reply::json(StatusCode::OK, json.to_vec()),
                Err(Refused { pending: Some(next), .. }) => reply::pending(*next),
                Err(refused) => refuse(vault, Endpoint::Token, &refused).await,
            }
        }
        (&Method::POST, Endpoints::REVOKE) => {
            let (head, body) = request.into_parts();
            let revoked = match read_form(vault, &head.headers, body).await {
                Ok(form) => revoke::revoke(vault, &form).await,
                Err(refused) => Err(refused),
            };
            match revoked {
                Ok(()) => reply::empty(StatusCode::OK),
                Err(refused) => refuse(vault, Endpoint::Revoke, &refused).await,
            }
        }
        (&Method::POST, Endpoints::INTROSPECT) => {
            let (head, body) = request.into_parts();
            let answered = match read_form(vault, &head.headers, body).await {
                Ok(form) => inspect::introspect(vault, &form).await,
                Err(refused) => Err(refused),
            };
            describe(vault, Endpoint::Introspect, answered).await
        }
        (&Method::POST, Endpoints::CONSUME) => {
            let (head, body) = request.into_parts();
            let answered = match read_form(vault, &head.headers, body).await {
                Ok(form) => inspect::consume(vault, &form).await,
                Err(refused) => Err(refused),
            };
            describe(vault, Endpoint::Consume, answered).await
        }
        (
            _,
            WELL_KNOWN
            | Endpoints::TOKEN
            | Endpoints::REVOKE
            | Endpoints::INTROSPECT
            | Endpoints::CONSUME,
        ) => reply::empty(StatusCode::METHOD_NOT_ALLOWED),
        (_, path) if is_below(path, Endpoints::EGRESS) => broker(Arc::clone(vault), request).await,
        _ => reply::empty(StatusCode::NOT_FOUND),
    }
}

/// Refuses what two servers could read in two ways (RFC 9112 sections 3.2 and 6.1): another
/// form of the request line, no or a second `Host`, and chunked bodies, beside which a
/// `Content-Length` could say something else.
pub(crate) fn check_framing(request: &Request<Incoming>) -> Result<(), StatusCode> {
    let (uri, headers) = (request.uri(), request.headers());
    let is_origin_form = uri.scheme().is_none() && uri.authority().is_none();
    let hosts = headers.get_all(header::HOST).iter().count();
    if !is_origin_form || hosts != 1 || request.version() != Version::HTTP_11 {
        return Err(StatusCode::BAD_REQUEST);
    }
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(StatusCode::LENGTH_REQUIRED);
    }
    if headers.contains_key(header::TRAILER) {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(())
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn metadata(vault: &Vault) -> Reply {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let endpoints = &vault.endpoints;
    let metadata = Metadata {
        issuer: endpoints.issuer.clone(),
        token_endpoint: endpoints.token.clone(),
        revocation_endpoint: endpoints.revoke.clone(),
        introspection_endpoint: Some(endpoints.introspect.clone()),
        agentcred_consumption_endpoint: Some(endpoints.consume.clone()),
        response_types_supported: Vec::new(),
        revocation_endpoint_auth_methods_supported: texts(&["none"]),
        introspection_endpoint_auth_methods_supported: texts(&["private_key_jwt"]),
        introspection_endpoint_auth_signing_alg_values_supported: texts(&["ES256", "EdDSA"]),
        agentcred_egress_endpoint: endpoints.egress.clone(),
        grant_types_supported: texts(&["client_credentials", TOKEN_EXCHANGE]),
        token_endpoint_auth_methods_supported: authentication_methods(vault),
        token_endpoint_auth_signing_alg_values_supported: texts(&["ES256", "EdDSA"]),
        dpop_signing_alg_values_supported: texts(&["ES256", "EdDSA"]),
        authorization_details_types_supported: texts(&[TOOL_CALL]),
    };
    match serde_json::to_vec(&metadata) {
        Ok(json) => reply::json(StatusCode::OK, json),
        Err(_) => reply::empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// How agents of this policy, in this mode, may prove themselves.
fn authentication_methods(vault: &Vault) -> Vec<String> {
    let takes_svids = vault.policy.load().platforms().has_spiffe();
    [
        ("private_key_jwt", true),
        // draft-ietf-oauth-spiffe-client-auth section 3.1
        ("spiffe_jwt", takes_svids),
        ("client_secret_basic", vault.development),
    ]
    .into_iter()
    .filter(|(_, is_taken)| *is_taken)
    .map(|(method, _)| method.to_owned())
    .collect()
}

async fn read_form(
    vault: &Vault,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let refuse = |reason| Refused::new(RefusalCode::InvalidRequest, reason);
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let media_type = content_type.and_then(|it| it.split(';').next()).unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(refuse("not_a_form"));
    }
    let reading = Limited::new(body, LARGEST_FORM).collect();
    match tokio::time::timeout(vault.limits.request_time, reading).await {
        Ok(Ok(body)) => Ok(Zeroizing::new(body.to_bytes().into())),
        Ok(Err(_)) => Err(refuse("form_too_large_or_incomplete")),
        Err(_) => Err(refuse("form_too_slow")),
    }
}

async fn describe(vault: &Vault, at: Endpoint, answered: Result<Introspection, Refused>) -> Reply {
    let json = answered.and_then(|said| said.to_json().map_err(|_| Refused::unavailable("answer")));
    match json {
        Ok(json) => reply::json(StatusCode::OK, json),
        Err(refused) => refuse(vault, at, &refused).await,
    }
}

async fn refuse(vault: &Vault, at: Endpoint, refused: &Refused) -> Reply {
    let event = Event::Refusal {
        at,
        error: refused.code,
        reason: refused.reason,
        about: &refused.about,
        method: None,
        path: None,
    };
    if vault.record(event).await.is_err() {
        tracing::error!(reason = refused.reason, "a refusal could not be written to the audit");
    }
    let mut reply = reply::refusal(refused);
    // Who tries an `Authorization` header is told that there is such a way (RFC 6749 section 5.2).
    if at == Endpoint::Token && refused.code == RefusalCode::InvalidClient && vault.development {
        let challenge = HeaderValue::from_static("Basic realm=\"agentcred\"");
        reply.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    reply
}

/// In bytes. An assertion and a proof are a few kilobytes.
const LARGEST_FORM: usize = 64 * 1024;
