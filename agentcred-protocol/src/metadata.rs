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
    /// The broker, to which `/{service}/{path}` is added.
    pub agentcred_egress_endpoint: Url,
    /// `client_credentials` and token exchange.
    #[serde(default)]
    pub grant_types_supported: Vec<String>,
    /// `private_key_jwt`.
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
