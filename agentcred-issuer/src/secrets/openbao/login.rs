//! How the issuer logs in: each method with what it shows the server. Files are read each time,
//! so that what was replaced in them is used at the next login.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;

use super::Failure;
use super::answers::Token;
use super::api::Api;
use crate::secrets::{Secret, file};

/// A login method.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    /// With a token that somebody else made, in a file.
    Token { file: PathBuf },
    /// As an application: with the id of its role, and a secret id in a file.
    AppRole { mount: String, role_id: String, secret_id_file: PathBuf },
    /// With a JSON Web Token in a file.
    Jwt { mount: String, role: String, file: PathBuf },
    /// With the token of a Kubernetes service account, in a file that the node keeps fresh.
    Kubernetes { mount: String, role: String, file: PathBuf },
}

impl Login {
    pub(super) async fn log_in(&self, api: &Api) -> Result<Token, Failure> {
        match self {
            Self::Token { file } => {
                let text = file::secret(file, file::read).await?;
                let known = api.look_up(&text).await?;
                Ok(Token { text, life: known.life, is_renewable: known.is_renewable })
            }
            Self::AppRole { mount, role_id, secret_id_file } => {
                let secret_id = file::secret(secret_id_file, file::read).await?;
                api.log_in(mount, body("role_id", role_id, "secret_id", &secret_id)).await
            }
            Self::Jwt { mount, role, file } => {
                let jwt = file::secret(file, file::read).await?;
                api.log_in(mount, body("role", role, "jwt", &jwt)).await
            }
            Self::Kubernetes { mount, role, file } => {
                // Who may read it is the node's decision, which it is not asked about.
                let jwt = file::secret(file, file::read_projected).await?;
                api.log_in(mount, body("role", role, "jwt", &jwt)).await
            }
        }
    }
}

fn body(name: &str, value: &str, secret_name: &str, secret: &Secret) -> Bytes {
    Bytes::from_owner(secret.json_field(name, value, secret_name))
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token { .. } => "token",
            Self::AppRole { .. } => "approle",
            Self::Jwt { .. } => "jwt",
            Self::Kubernetes { .. } => "kubernetes",
        })
    }
}
