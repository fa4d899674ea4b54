//! Refusals: the closed list of codes with which the vault side says no.

use std::fmt;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::approval::PendingApproval;

/// The response header by which the broker says that a refusal is its own and not the
/// upstream's. Its value is a [`RefusalCode`].
pub const REFUSAL_HEADER: &str = "agentcred-error";

/// The response header by which the broker says whether the refused request may be sent again
/// with a new nonce: `1` when nothing went upstream and the cause may pass.
pub const RETRYABLE_HEADER: &str = "agentcred-retryable";

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $text:literal, $status:ident, $says:literal;)*) => {
        /// Why the issuer or the broker refuses. Each has one fixed text and one HTTP status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum RefusalCode {
            $($(#[$doc])* $code,)*
        }

        impl RefusalCode {
            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $text,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status,)* }
            }

            /// What it means, for `error_description`. Nothing submitted is ever echoed.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$code => $says,)* }
            }

            /// Reads a code from the wire.
            pub fn from_wire(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$code),)* _ => None }
            }
        }
    };
}

codes! {
    /// RFC 6749 section 5.2.
    InvalidRequest = "invalid_request", BAD_REQUEST, "the request is malformed, repeats a parameter or lacks one";
    /// RFC 6749 section 5.2.
    InvalidClient = "invalid_client", UNAUTHORIZED, "the agent could not be authenticated";
    /// RFC 6749 section 5.2: the task is over, or the grant was never one.
    InvalidGrant = "invalid_grant", BAD_REQUEST, "the task grant is unknown, expired or revoked";
    /// RFC 6749 section 5.2: wider than the policy allows. A scope is never narrowed silently.
    InvalidScope = "invalid_scope", BAD_REQUEST, "the policy does not grant this scope to this agent";
    /// RFC 6749 section 5.2.
    UnsupportedGrantType = "unsupported_grant_type", BAD_REQUEST, "the grant type is not one that this issuer takes";
    /// RFC 8707 section 2: a service that the policy does not grant, or a nonce of another one.
    InvalidTarget = "invalid_target", BAD_REQUEST, "the service is unknown or not granted, or the nonce is for another one";
    /// RFC 9396 section 5.
    InvalidAuthorizationDetails = "invalid_authorization_details", BAD_REQUEST, "the authorization details are malformed or ask for more than the policy allows";
    /// RFC 9449 section 5.
    InvalidDpopProof = "invalid_dpop_proof", BAD_REQUEST, "the DPoP proof is missing, replayed, stale or for another request or key";
    /// RFC 9449 section 8.
    UseDpopNonce = "use_dpop_nonce", BAD_REQUEST, "the DPoP proof must carry the server nonce of the DPoP-Nonce header";
    /// RFC 6750 section 3.1: the nonce is unknown, expired, revoked or spent.
    InvalidToken = "invalid_token", UNAUTHORIZED, "the nonce is unknown, expired, revoked or spent";
    /// RFC 6750 section 3.1: method, path or query outside the nonce's scope.
    InsufficientScope = "insufficient_scope", FORBIDDEN, "no rule of the nonce's scope allows this method, path and query";
    /// A header, query key or body field that servers take for the method.
    MethodOverride = "method_override", BAD_REQUEST, "a header, query key or field asks for another method; send the request with the method that is meant";
    /// RFC 9110 section 15.5.14.
    ContentTooLarge = "content_too_large", PAYLOAD_TOO_LARGE, "the body is larger than the policy lets pass; forms and JSON are read whole, and are smaller than what may pass while it arrives";
    /// RFC 9110 section 7.8: WebSocket and every other protocol.
    ProtocolSwitch = "protocol_switch", BAD_REQUEST, "the broker passes on single requests; WebSocket and other upgrades cannot be checked and are not passed on";
    /// RFC 6749 section 4.1.2.1.
    AccessDenied = "access_denied", FORBIDDEN, "the request was denied";
    /// RFC 8628 section 3.5.
    SlowDown = "slow_down", TOO_MANY_REQUESTS, "too many requests; wait before the next one";
    /// OpenID CIBA Core section 11: a human has not decided yet.
    AuthorizationPending = "authorization_pending", BAD_REQUEST, "a human must approve this call first";
    /// OpenID CIBA Core section 11: nobody decided in time, or the decision is used.
    ExpiredToken = "expired_token", BAD_REQUEST, "the approval is unknown, expired, used or for another call";
    /// Compressed, in an unknown charset, with a secret spread over it, or not the JSON of which a
    /// rule lets some fields back.
    UnreadableAnswer = "unreadable_answer", BAD_GATEWAY, "the upstream's answer hides what is in it, or is not the JSON that the rule is about; nothing of it comes back";
    /// RFC 6749 section 4.1.2.1.
    TemporarilyUnavailable = "temporarily_unavailable", SERVICE_UNAVAILABLE, "the vault side cannot answer now";
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The body of a refusal (RFC 6749 section 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalBody {
    /// The code.
    pub error: RefusalCode,
    /// The code's fixed text.
    #[serde(default)]
    pub error_description: String,
    /// With `authorization_pending`, how to go on.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingApproval>,
}

impl From<RefusalCode> for RefusalBody {
    fn from(error: RefusalCode) -> Self {
        Self { error, error_description: error.description().to_owned(), pending: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_back() {
        let body = RefusalBody::from(RefusalCode::InvalidDpopProof);
        let json = serde_json::to_string(&body).unwrap();
        assert!(json.starts_with(r#"{"error":"invalid_dpop_proof""#), "{json}");
        assert_eq!(serde_json::from_str::<RefusalBody>(&json).unwrap(), body);
        let pending =
            PendingApproval { auth_req_id: "ap_1".parse().unwrap(), interval: 2, expires_in: 300 };
        let body = RefusalBody { pending: Some(pending), ..body };
        let json = serde_json::to_string(&body).unwrap();
        assert!(json.ends_with(r#""auth_req_id":"ap_1","interval":2,"expires_in":300}"#), "{json}");
        assert_eq!(serde_json::from_str::<RefusalBody>(&json).unwrap(), body);
        assert_eq!(
            RefusalCode::from_wire(RefusalCode::SlowDown.as_str()),
            Some(RefusalCode::SlowDown)
        );
    }
}
