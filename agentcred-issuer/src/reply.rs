//! Replies: the few forms in which this side answers in its own name.

use agentcred_protocol::approval::PendingApproval;
use agentcred_protocol::refusal::{REFUSAL_HEADER, RETRYABLE_HEADER, RefusalBody, RefusalCode};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};

use crate::refused::Refused;

pub(crate) type Reply = Response<BoxBody<Bytes, BodyError>>;

/// Why a body ended early. The connection is cut, so that nobody takes it for whole.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// JSON that nobody may keep.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = empty(status);
    *reply.body_mut() = Full::new(body.into()).map_err(|never| match never {}).boxed();
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// Text of a media type.
pub(crate) fn text(media_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = json(StatusCode::OK, body);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// A status and nothing else.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::new()).map_err(|never| match never {}).boxed());
    *reply.status_mut() = status;
    no_store(&mut reply);
    reply
}

/// A status, and the end of the connection: whatever follows a request that was not framed as
/// one cannot be trusted to be another one.
pub(crate) fn closing(status: StatusCode) -> Reply {
    let mut reply = empty(status);
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// The refusal of an upgrade, and the end of the connection: what follows it may be another
/// protocol already.
pub(crate) fn protocol_switch() -> Reply {
    let mut reply = broker_refusal(&Refused::new(RefusalCode::ProtocolSwitch, "protocol_switch"));
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// A refusal of the token or the revocation endpoint (RFC 6749 section 5.2).
pub(crate) fn refusal(refused: &Refused) -> Reply {
    let mut reply = refusal_body(&RefusalBody::from(refused.code));
    if let Some(wait) = refused.retry_after {
        // Whole seconds (RFC 9110 section 10.2.3), and none too few.
        let seconds = wait.as_millis().div_ceil(1000);
        if let Ok(seconds) = u64::try_from(seconds) {
            reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    reply
}

/// The answer to a call that waits for a human (CIBA Core section 11).
pub(crate) fn pending(next: PendingApproval) -> Reply {
    let body = RefusalBody::from(RefusalCode::AuthorizationPending);
    refusal_body(&RefusalBody { pending: Some(next), ..body })
}

fn refusal_body(body: &RefusalBody) -> Reply {
    // A few short texts always have a JSON form.
    json(body.error.status(), serde_json::to_vec(body).unwrap_or_default())
}

/// A refusal of the broker, which says that it is the broker's (RFC 9449 section 7.1).
pub(crate) fn broker_refusal(refused: &Refused) -> Reply {
    let code = refused.code;
    let mut reply = refusal(refused);
    if matches!(code, RefusalCode::InvalidDpopProof | RefusalCode::UseDpopNonce) {
        *reply.status_mut() = StatusCode::UNAUTHORIZED;
    }
    let challenge = format!(
        "DPoP error=\"{code}\", error_description=\"{}\", algs=\"ES256 EdDSA\"",
        code.description()
    );
    let headers = reply.headers_mut();
    headers.insert(REFUSAL_HEADER, HeaderValue::from_static(code.as_str()));
    if refused.is_retryable {
        headers.insert(RETRYABLE_HEADER, HeaderValue::from_static("1"));
    }
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    reply
}

/// What passes here is for one caller and one moment.
pub(crate) fn no_store<B>(reply: &mut Response<B>) {
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
