//! Operators: who they are, by a token whose hash the configuration holds.

use std::collections::BTreeMap;

use agentcred_protocol::names::OperatorName;
use agentcred_protocol::operator::OperatorHash;
use agentcred_protocol::token::OperatorToken;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use zeroize::Zeroizing;

use super::{Client, Operator};
use crate::proven::only;
use crate::reply::{self, Reply};

/// All operators. Each has the same rights.
#[derive(Debug)]
pub(crate) struct Operators(BTreeMap<OperatorName, OperatorHash>);

impl Operators {
    pub(crate) fn new(known: BTreeMap<OperatorName, OperatorHash>) -> Self {
        Self(known)
    }

    /// The operator whose token a request carries: `Authorization: Bearer <token>`, or `Basic`
    /// with the operator's name beside it, which is what browsers can send without a cookie.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Option<Operator> {
        let value = only(headers, header::AUTHORIZATION.as_str())?;
        if let Ok(token) = OperatorToken::from_authorization(value) {
            return Some(Operator { name: self.owner(&token)?.clone(), client: Client::Program });
        }
        let (name, token) = read_basic(value)?;
        let owner = self.owner(&token).filter(|owner| **owner == name)?;
        Some(Operator { name: owner.clone(), client: Client::Browser })
    }

    /// Every hash is compared, so that the time tells nothing of which one it was.
    fn owner(&self, token: &OperatorToken) -> Option<&OperatorName> {
        self.0
            .iter()
            .fold(None, |owner, (name, hash)| if hash.is_of(token) { Some(name) } else { owner })
    }
}

/// RFC 7617 section 2.
fn read_basic(value: &HeaderValue) -> Option<(OperatorName, OperatorToken)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    let (name, token) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((OperatorName::new(name).ok()?, OperatorToken::parse(token.to_owned()).ok()?))
}

/// Tells a program and a browser how to sign in.
pub(super) fn ask_to_sign_in() -> Reply {
    let mut reply = reply::empty(StatusCode::UNAUTHORIZED);
    let headers = reply.headers_mut();
    headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    let basic = HeaderValue::from_static("Basic realm=\"agentcred operators\", charset=\"UTF-8\"");
    headers.append(header::WWW_AUTHENTICATE, basic);
    reply
}
