//! The issuer's answer to a token request (RFC 6749 section 5.1, RFC 8693 section 2.2.1).

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::arguments::ArgumentsHash;
use crate::names::{CallId, NonceId, ToolName};
use crate::scope::Scope;
use crate::token::{GrantToken, NonceToken, Token, TokenKind};
use crate::ttl::Uses;

/// A token exchange's `issued_token_type` and `subject_token_type` (RFC 8693 section 3).
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// An answer that is not one. It says nothing of the content, which may hold a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the issuer's answer is not a token answer of this protocol")]
pub struct MalformedAnswer;

/// A task grant, as granted.
#[derive(Debug)]
pub struct GrantAnswer {
    /// The grant.
    pub token: GrantToken,
    /// Its life from now, in seconds.
    pub expires_in: u64,
}

/// A nonce, as granted: the runtime goes by this and not by what it asked for.
#[derive(Debug)]
pub struct NonceAnswer {
    /// The nonce.
    pub token: NonceToken,
    /// Its life from now, in seconds; policy may have shortened it.
    pub expires_in: u64,
    /// What it is good for.
    pub scope: Scope,
    /// The call that it was minted for.
    pub details: GrantedCall,
}

/// The `authorization_details` of an answer (RFC 9396 section 7): the call that a nonce is for
/// and its name in the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedCall {
    /// Always [`TOOL_CALL`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The tool.
    pub tool: ToolName,
    /// The call.
    pub tool_call_id: CallId,
    /// The hash of the call's arguments.
    pub args_hash: ArgumentsHash,
    /// How many upstream requests are allowed.
    pub num_uses: Uses,
    /// The nonce's public name.
    pub nonce_id: NonceId,
}

/// The `type` of the authorization details of this protocol.
pub const TOOL_CALL: &str = "agentcred_tool_call";

impl GrantAnswer {
    /// As JSON.
    ///
    /// # Errors
    /// Never for a well-formed answer.
    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, MalformedAnswer> {
        to_json(&Wire {
            access_token: self.token.expose_secret(),
            token_type: "DPoP",
            issued_token_type: None,
            expires_in: self.expires_in,
            scope: None,
            authorization_details: None,
        })
    }

    /// From JSON.
    ///
    /// # Errors
    /// When it is not the answer to a request for a task grant.
    pub fn from_json(json: &[u8]) -> Result<Self, MalformedAnswer> {
        let wire = Received::read(json)?;
        Ok(Self { expires_in: wire.expires_in, token: wire.token()? })
    }
}

impl NonceAnswer {
    /// As JSON.
    ///
    /// # Errors
    /// Never for a well-formed answer.
    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, MalformedAnswer> {
        to_json(&Wire {
            access_token: self.token.expose_secret(),
            token_type: "DPoP",
            issued_token_type: Some(ACCESS_TOKEN_TYPE),
            expires_in: self.expires_in,
            scope: Some(&self.scope),
            authorization_details: Some([&self.details]),
        })
    }

    /// From JSON.
    ///
    /// # Errors
    /// When it is not the answer to a request for a nonce.
    pub fn from_json(json: &[u8]) -> Result<Self, MalformedAnswer> {
        let mut wire = Received::read(json)?;
        let (Some(scope), Some(details)) = (wire.scope.take(), wire.authorization_details.pop())
        else {
            return Err(MalformedAnswer);
        };
        if details.kind != TOOL_CALL || !wire.authorization_details.is_empty() {
            return Err(MalformedAnswer);
        }
        Ok(Self { expires_in: wire.expires_in, scope, details, token: wire.token()? })
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    access_token: &'a str,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_details: Option<[&'a GrantedCall; 1]>,
}

#[derive(Deserialize)]
struct Received {
    access_token: String,
    token_type: String,
    expires_in: u64,
    scope: Option<Scope>,
    #[serde(default)]
    authorization_details: Vec<GrantedCall>,
}

impl Received {
    fn read(json: &[u8]) -> Result<Self, MalformedAnswer> {
        serde_json::from_slice(json).map_err(|_| MalformedAnswer)
    }

    /// A bearer token in place of a bound one is a downgrade and is refused.
    fn token<K: TokenKind>(self) -> Result<Token<K>, MalformedAnswer> {
        let token = Token::parse(self.access_token).map_err(|_| MalformedAnswer)?;
        if self.token_type.eq_ignore_ascii_case("DPoP") { Ok(token) } else { Err(MalformedAnswer) }
    }
}

fn to_json(wire: &Wire<'_>) -> Result<Zeroizing<Vec<u8>>, MalformedAnswer> {
    // Large enough never to grow, which would leave a copy of the token behind.
    let mut json = Zeroizing::new(Vec::with_capacity(4096));
    serde_json::to_writer(&mut *json, wire).map_err(|_| MalformedAnswer)?;
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use serde_json::json;

    fn nonce_answer() -> NonceAnswer {
        NonceAnswer {
            token: NonceToken::mint(&SystemRandom::new()).unwrap(),
            expires_in: 300,
            scope: Scope::new("read:customers").unwrap(),
            details: GrantedCall {
                kind: TOOL_CALL.to_owned(),
                tool: ToolName::new("find_customers").unwrap(),
                tool_call_id: CallId::new("call_1").unwrap(),
                args_hash: ArgumentsHash::of(&json!({})),
                num_uses: Uses::ONE,
                nonce_id: NonceId::new("nid_1").unwrap(),
            },
        }
    }

    #[test]
    fn an_answer_reads_back() {
        let answer = nonce_answer();
        let read = NonceAnswer::from_json(&answer.to_json().unwrap()).unwrap();
        assert_eq!(read.token.proof_hash(), answer.token.proof_hash());
        assert_eq!(read.details, answer.details);
    }

    #[test]
    fn a_bearer_token_or_a_grant_in_place_of_a_nonce_is_refused() {
        let json = String::from_utf8(nonce_answer().to_json().unwrap().to_vec()).unwrap();
        assert!(NonceAnswer::from_json(json.replace("\"DPoP\"", "\"Bearer\"").as_bytes()).is_err());
        assert!(GrantAnswer::from_json(json.as_bytes()).is_err());
        assert!(NonceAnswer::from_json(b"<html>").is_err());
    }
}
