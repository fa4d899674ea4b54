//! `[secrets]` as it is written.

use std::path::PathBuf;

use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSecrets {
    pub(crate) cache: Option<String>,
    pub(crate) overlap: Option<String>,
    pub(crate) stale: Option<String>,
    pub(crate) openbao: Option<RawOpenBao>,
    pub(crate) aws: Option<RawAws>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAws {
    pub(crate) region: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) timeout: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) web_identity: Option<RawWebIdentity>,
    pub(crate) instance: Option<RawInstance>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWebIdentity {
    pub(crate) role: String,
    pub(crate) token_file: PathBuf,
    pub(crate) endpoint: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawInstance {
    pub(crate) endpoint: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawOpenBao {
    pub(crate) address: String,
    pub(crate) namespace: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) mounts: Vec<String>,
    pub(crate) timeout: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) approle: Option<RawAppRole>,
    pub(crate) jwt: Option<RawJwt>,
    pub(crate) kubernetes: Option<RawKubernetes>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAppRole {
    #[serde(default = "approle")]
    pub(crate) mount: String,
    pub(crate) role_id: String,
    pub(crate) secret_id_file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawJwt {
    #[serde(default = "jwt")]
    pub(crate) mount: String,
    pub(crate) role: String,
    pub(crate) jwt_file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawKubernetes {
    #[serde(default = "kubernetes")]
    pub(crate) mount: String,
    pub(crate) role: String,
    #[serde(default = "service_account")]
    pub(crate) jwt_file: PathBuf,
}

fn approle() -> String {
    "approle".to_owned()
}

fn jwt() -> String {
    "jwt".to_owned()
}

fn kubernetes() -> String {
    "kubernetes".to_owned()
}

/// Where Kubernetes puts the token of a pod's service account.
fn service_account() -> PathBuf {
    "/var/run/secrets/kubernetes.io/serviceaccount/token".into()
}
