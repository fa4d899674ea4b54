//! Where an issuer's endpoints are (RFC 8414).

use serde::{Deserialize, Serialize};
use url::Url;

/// The path of the metadata below the issuer's URL (RFC 8414 section 3).
pub const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// What an issuer says of itself (RFC 8414 section 2), as far as this profile reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The issuer's identifier: the audience of assertions.
    pub issuer: Url,
    /// Where task grants and nonces are requested.
    pub token_endpoint: Url,
    /// Where they are revoked (RFC 7009).
    pub revocation_endpoint: Url,
    /// Where a resource server asks what a nonce is good for (RFC 7662).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<Url>,
    /// Where a resource server spends a use of a nonce that it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agentcred_consumption_endpoint: Option<Url>,
    /// The broker, to which `/{service}/{path}` is added.
    pub agentcred_egress_endpoint: Url,
    /// None, since there is no authorization endpoint; the member has to be there all the same
    /// (RFC 8414 section 2). There is no `jwks_uri` either: the issuer signs nothing.
    #[serde(default)]
    pub response_types_supported: Vec<String>,
    /// `none`: whoever holds a token may revoke it.
    #[serde(default)]
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// `private_key_jwt`.
    #[serde(default)]
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// `ES256` and `EdDSA`.
    #[serde(default)]
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// `client_credentials` and token exchange.
    #[serde(default)]
    pub grant_types_supported: Vec<String>,
    /// `private_key_jwt`, `spiffe_jwt` where a trust domain vouches for agents, and
    /// `client_secret_basic` in development mode.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// `ES256` and `EdDSA` (RFC 8414 section 2).
    #[serde(default)]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// `ES256` and `EdDSA` (RFC 9449 section 5.1).
    #[serde(default)]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// `agentcred_tool_call` (RFC 9396 section 10).
    #[serde(default)]
    pub authorization_details_types_supported: Vec<String>,
}
