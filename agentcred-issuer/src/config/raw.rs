//! The configuration as it is written: the TOML grammar, nothing checked but its shape.

mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub(crate) use secrets::{
    RawAppRole, RawAws, RawInstance, RawJwt, RawKubernetes, RawOpenBao, RawSecrets, RawWebIdentity,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawConfig {
    pub(crate) issuer: Option<String>,
    #[serde(default)]
    pub(crate) server: RawServer,
    pub(crate) audit: RawAudit,
    #[serde(default)]
    pub(crate) tasks: RawTasks,
    pub(crate) operators: Option<RawOperators>,
    pub(crate) ledger: Option<RawLedger>,
    #[serde(default)]
    pub(crate) secrets: RawSecrets,
    #[serde(default)]
    pub(crate) approvals: RawApprovals,
    #[serde(default)]
    pub(crate) proofs: RawProofs,
    #[serde(default)]
    pub(crate) user_issuers: BTreeMap<String, RawUserIssuer>,
    #[serde(default)]
    pub(crate) assertion_issuers: BTreeMap<String, RawAssertionIssuer>,
    #[serde(default)]
    pub(crate) agents: BTreeMap<String, RawAgent>,
    #[serde(default)]
    pub(crate) resource_servers: BTreeMap<String, RawResourceServer>,
    #[serde(default)]
    pub(crate) services: BTreeMap<String, RawService>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawServer {
    pub(crate) listen: String,
    pub(crate) replica: Option<String>,
    pub(crate) tls: Option<RawTls>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_connections_per_peer: Option<usize>,
    pub(crate) development: bool,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8420".to_owned(),
            replica: None,
            tls: None,
            max_connections: None,
            max_connections_per_peer: None,
            development: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) min_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAudit {
    pub(crate) file: PathBuf,
    pub(crate) max_size: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawTasks {
    pub(crate) max_outstanding: usize,
    pub(crate) rate: Option<String>,
    pub(crate) burst: Option<u32>,
}

impl Default for RawTasks {
    fn default() -> Self {
        Self { max_outstanding: 1000, rate: None, burst: None }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawProofs {
    pub(crate) server_nonce: String,
    pub(crate) server_nonce_key: Option<String>,
}

impl Default for RawProofs {
    fn default() -> Self {
        Self { server_nonce: "required".to_owned(), server_nonce_key: None }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawOperators {
    pub(crate) listen: Option<String>,
    pub(crate) socket: Option<PathBuf>,
    #[serde(default)]
    pub(crate) tokens: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawApprovals {
    pub(crate) ttl: String,
    pub(crate) max_pending: usize,
    pub(crate) max_pending_per_task: usize,
}

impl Default for RawApprovals {
    fn default() -> Self {
        Self { ttl: "5m".to_owned(), max_pending: 100, max_pending_per_task: 10 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawResourceServer {
    pub(crate) keys: Vec<PathBuf>,
    pub(crate) services: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLedger {
    pub(crate) kind: String,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) database: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) connections: Option<usize>,
    pub(crate) timeout: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAgent {
    #[serde(default)]
    pub(crate) keys: Vec<PathBuf>,
    #[serde(default)]
    pub(crate) subjects: Vec<String>,
    pub(crate) secret: Option<String>,
    pub(crate) rate: Option<String>,
    pub(crate) burst: Option<u32>,
    #[serde(default)]
    pub(crate) allow: Vec<RawGrant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawGrant {
    pub(crate) service: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) max_ttl: Option<String>,
    pub(crate) max_uses: Option<u32>,
    pub(crate) approval: Option<String>,
    pub(crate) users: Option<Vec<String>>,
    pub(crate) hours: Option<RawHours>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawHours {
    pub(crate) days: Option<String>,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUserIssuer {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) jwks_file: Option<PathBuf>,
    pub(crate) jwks_url: Option<String>,
    #[serde(default)]
    pub(crate) allow_networks: Vec<String>,
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAssertionIssuer {
    pub(crate) issuer: Option<String>,
    pub(crate) trust_domain: Option<String>,
    pub(crate) audience: String,
    pub(crate) jwks_file: Option<PathBuf>,
    pub(crate) jwks_url: Option<String>,
    #[serde(default)]
    pub(crate) allow_networks: Vec<String>,
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawService {
    pub(crate) origin: String,
    pub(crate) secret: Option<String>,
    pub(crate) inject: RawInjections,
    #[serde(default)]
    pub(crate) scopes: BTreeMap<String, Vec<RawRule>>,
    #[serde(default)]
    pub(crate) allow_networks: Vec<String>,
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) request_headers: Vec<String>,
    #[serde(default)]
    pub(crate) response_headers: Vec<String>,
}

/// One injection as a table, or several as an array of tables.
pub(crate) enum RawInjections {
    One(Box<RawInjection>),
    Many(Vec<RawInjection>),
}

impl<'de> Deserialize<'de> for RawInjections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        // An untagged enum would not tell which key is wrong.
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = RawInjections;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table, or an array of tables")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawInjections, A::Error> {
                let one = RawInjection::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RawInjections::One(Box::new(one)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<RawInjections, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(RawInjections::Many)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawInjection {
    pub(crate) header: Option<String>,
    pub(crate) format: Option<String>,
    pub(crate) basic: Option<String>,
    pub(crate) query: Option<String>,
    pub(crate) client_credentials: Option<RawClientCredentials>,
    pub(crate) aws_sigv4: Option<RawSigV4>,
    pub(crate) secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawClientCredentials {
    pub(crate) token_url: String,
    pub(crate) client_id: String,
    pub(crate) scope: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) authentication: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSigV4 {
    pub(crate) region: String,
    pub(crate) service: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) query: Vec<String>,
    #[serde(default)]
    pub(crate) query_lists: Vec<String>,
    pub(crate) body: Option<BTreeMap<String, RawField>>,
    pub(crate) fields: Option<Vec<String>>,
    pub(crate) max_request_body: Option<String>,
    pub(crate) max_response_body: Option<String>,
    pub(crate) max_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawField {
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
    #[serde(rename = "in")]
    pub(crate) one_of: Option<BTreeSet<String>>,
    #[serde(default)]
    pub(crate) optional: bool,
}
