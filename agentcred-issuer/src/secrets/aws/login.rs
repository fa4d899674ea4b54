//! Whose key the issuer shows AWS: one of its own, or one that is lent to it for a while. Files are
//! read each time, so that what was replaced in them is used at the next login.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::answers::Lent;
use super::api::Api;
use super::of_status;
use crate::secrets::failure::Failure;
use crate::secrets::reference::is_segment;
use crate::secrets::{
    LocalSecrets, Secret, SecretError, SecretRef, SecretStore as _, Unavailable, file,
};
use crate::service::Destination;

/// Where the key comes from.
#[derive(Clone, Debug)]
pub(crate) enum AwsLogin {
    /// `ID:SECRET` or `ID:SECRET:SESSION_TOKEN`, on this machine.
    Key(SecretRef),
    /// A role's, for a JSON Web Token in a file that the platform keeps fresh.
    WebIdentity { destination: Destination, role: String, file: PathBuf },
    /// That of the machine's role, from the metadata service.
    Instance { destination: Destination },
}

/// A key, and whether it ends.
pub(super) enum Given {
    Own(Secret),
    Lent(Lent),
}

impl AwsLogin {
    pub(super) async fn log_in(&self, api: &Api) -> Result<Given, Failure> {
        match self {
            Self::Key(reference) => {
                let key = LocalSecrets.fetch(reference).await.map_err(Failure::Login)?;
                key.aws_credentials().map_err(|cause| {
                    Failure::Login(SecretError::Unusable { reference: reference.clone(), cause })
                })?;
                Ok(Given::Own(key))
            }
            Self::WebIdentity { destination, role, file } => {
                let token = file::secret(file, file::read_projected).await?;
                let answer = answered(api.ask(destination, assume_role(role, &token)).await?)?;
                Lent::of_xml(&answer).map(Given::Lent)
            }
            Self::Instance { destination } => of_instance(destination, api).await.map(Given::Lent),
        }
    }
}

/// `AssumeRoleWithWebIdentity`, which the token itself vouches for.
fn assume_role(role: &str, token: &Secret) -> Request<Bytes> {
    let role: String = byte_serialize(role.as_bytes()).collect();
    let form = format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=agentcred&RoleArn={role}"
    );
    let mut question = Request::new(Bytes::from_owner(token.form_field(&form, "WebIdentityToken")));
    *question.method_mut() = Method::POST;
    *question.uri_mut() = Uri::from_static("/");
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    question.headers_mut().insert(header::CONTENT_TYPE, form);
    question
}

/// By the second version of the metadata service, which asks for a token of its own first.
async fn of_instance(destination: &Destination, api: &Api) -> Result<Lent, Failure> {
    let mut question = request(Method::PUT, "/latest/api/token")?;
    question.headers_mut().insert(TOKEN_TTL, HeaderValue::from_static("60"));
    let token = answered(api.ask(destination, question).await?)?;
    let mut token = HeaderValue::from_bytes(&token).map_err(|_| UNREADABLE)?;
    token.set_sensitive(true);
    let read = async |path: &str| {
        let mut question = request(Method::GET, path)?;
        question.headers_mut().insert(TOKEN, token.clone());
        answered(api.ask(destination, question).await?)
    };
    let roles = read(ROLES).await?;
    let role = std::str::from_utf8(&roles).map_err(|_| UNREADABLE)?.trim_ascii();
    if !is_segment(role) {
        return Err(UNREADABLE);
    }
    Lent::of_json(&read(&format!("{ROLES}{role}")).await?)
}

fn request(method: Method, path: &str) -> Result<Request<Bytes>, Failure> {
    let mut question = Request::new(Bytes::new());
    *question.method_mut() = method;
    *question.uri_mut() = path.parse().map_err(|_| UNREADABLE)?;
    Ok(question)
}

/// The body of an error is not looked at: it may hold anything.
fn answered(
    (status, answer): (StatusCode, Zeroizing<Vec<u8>>),
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if status == StatusCode::OK { Ok(answer) } else { Err(of_status(status)) }
}

impl fmt::Display for AwsLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "key",
            Self::WebIdentity { .. } => "web_identity",
            Self::Instance { .. } => "instance",
        })
    }
}

const UNREADABLE: Failure = Failure::Unavailable(Unavailable::Unreadable);
const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const TOKEN_TTL: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
