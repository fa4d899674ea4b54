//! Requests to the token and the revocation endpoint, as form bodies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::answer::{ACCESS_TOKEN_TYPE, TOOL_CALL};
use crate::approval::Summary;
use crate::arguments::ArgumentsHash;
use crate::assertion::ASSERTION_TYPE;
use crate::names::{ApprovalId, CallId, ServiceName, TaskId, ToolName};
use crate::refusal::RefusalCode;
use crate::scope::Scope;
use crate::token::{GrantToken, NonceToken};
use crate::ttl::{Ttl, Uses};

/// The grant type of token exchange (RFC 8693 section 2.1).
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A request to the token endpoint.
#[derive(Debug)]
pub enum TokenRequest {
    /// For a task grant.
    Task(TaskRequest),
    /// For a nonce.
    Nonce(Box<NonceRequest>),
}

/// Asks for the grant of one task (RFC 6749 section 4.4, RFC 7523 section 2.2).
#[derive(Debug)]
pub struct TaskRequest {
    /// The signed assertion that says who asks.
    pub assertion: Zeroizing<String>,
    /// The task.
    pub task: TaskId,
}

/// Asks for the nonce of one call (RFC 8693 section 2.1).
#[derive(Debug)]
pub struct NonceRequest {
    /// The grant of the task that the call belongs to.
    pub grant: GrantToken,
    /// The service.
    pub service: ServiceName,
    /// The service's place at the broker (RFC 8707).
    pub resource: Url,
    /// What the nonce must be good for.
    pub scope: Scope,
    /// How long it should live.
    pub ttl: Ttl,
    /// The call that it is for.
    pub call: RequestedCall,
    /// What whoever approves the call is told of it.
    pub summary: Option<Summary>,
    /// The approval that is waited for.
    pub approval: Option<ApprovalId>,
}

/// The `authorization_details` of a request (RFC 9396 section 6): the call that a nonce is
/// wanted for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestedCall {
    /// Always [`TOOL_CALL`].
    #[serde(rename = "type")]
    kind: String,
    /// The tool.
    pub tool: ToolName,
    /// The call.
    pub tool_call_id: CallId,
    /// The hash of the call's arguments.
    pub args_hash: ArgumentsHash,
    /// How many upstream requests the call may make.
    pub num_uses: Uses,
}

impl RequestedCall {
    /// A call.
    pub fn new(
        tool: ToolName,
        tool_call_id: CallId,
        args_hash: ArgumentsHash,
        num_uses: Uses,
    ) -> Self {
        Self { kind: TOOL_CALL.to_owned(), tool, tool_call_id, args_hash, num_uses }
    }
}

/// The form body that asks for a task grant.
pub fn task_form(assertion: &str, task: &TaskId) -> Zeroizing<String> {
    form(&[
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
        ("agentcred_task", task.as_str()),
    ])
}

/// What a caller asks a nonce for, beside the grant that it asks with.
#[derive(Clone, Debug)]
pub struct NonceWish<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// The service's place at the broker (RFC 8707).
    pub resource: &'a Url,
    /// What the nonce must be good for.
    pub scope: &'a Scope,
    /// How long it should live.
    pub ttl: Ttl,
    /// The call that it is for.
    pub call: &'a RequestedCall,
    /// What whoever approves the call is told of it (CIBA Core section 7.1).
    pub summary: Option<&'a Summary>,
    /// The approval that is waited for (CIBA Core section 10.1).
    pub approval: Option<&'a ApprovalId>,
}

/// The form body that asks for a nonce.
///
/// # Errors
/// Never for a well-formed call; the type of the error is that of writing JSON.
pub fn nonce_form(
    grant: &GrantToken,
    wish: &NonceWish<'_>,
) -> Result<Zeroizing<String>, serde_json::Error> {
    let scope = wish.scope.to_string();
    let expires_in = wish.ttl.seconds().to_string();
    let details = serde_json::to_string(&[wish.call])?;
    let mut parameters = vec![
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", grant.expose_secret()),
        ("subject_token_type", ACCESS_TOKEN_TYPE),
        ("requested_token_type", ACCESS_TOKEN_TYPE),
        ("audience", wish.service.as_str()),
        ("resource", wish.resource.as_str()),
        ("scope", &scope),
        ("requested_expires_in", &expires_in),
        ("authorization_details", &details),
    ];
    parameters.extend(wish.summary.map(|summary| ("binding_message", summary.as_written())));
    parameters.extend(wish.approval.map(|approval| ("auth_req_id", approval.as_str())));
    Ok(form(&parameters))
}

/// The form body that revokes a nonce (RFC 7009 section 2.1).
pub fn revoke_nonce_form(nonce: &NonceToken) -> Zeroizing<String> {
    form(&[("token", nonce.expose_secret())])
}

/// The form body that withdraws an approval that nobody waits for any more.
pub fn withdraw_form(approval: &ApprovalId) -> Zeroizing<String> {
    form(&[("token", approval.as_str())])
}

/// The form body that revokes a task grant and all that was minted from it.
pub fn revoke_grant_form(grant: &GrantToken) -> Zeroizing<String> {
    form(&[("token", grant.expose_secret())])
}

impl TokenRequest {
    /// Reads the body of a request to the token endpoint.
    ///
    /// # Errors
    /// With the code that the caller should get.
    pub fn from_form(body: &[u8]) -> Result<Self, RefusalCode> {
        let mut form = Form::read(body)?;
        match form.take("grant_type")?.as_str() {
            "client_credentials" => TaskRequest::from_form(form).map(Self::Task),
            TOKEN_EXCHANGE => {
                NonceRequest::from_form(form).map(|request| Self::Nonce(Box::new(request)))
            }
            _ => Err(RefusalCode::UnsupportedGrantType),
        }
    }
}

impl TaskRequest {
    fn from_form(mut form: Form) -> Result<Self, RefusalCode> {
        let task = form.take("agentcred_task")?;
        let kind = form.take("client_assertion_type").map_err(|_| RefusalCode::InvalidClient)?;
        let assertion = form.take("client_assertion").map_err(|_| RefusalCode::InvalidClient)?;
        if kind.as_str() != ASSERTION_TYPE {
            return Err(RefusalCode::InvalidClient);
        }
        Ok(Self {
            assertion,
            task: TaskId::new(task.as_str()).map_err(|_| RefusalCode::InvalidRequest)?,
        })
    }
}

impl NonceRequest {
    fn from_form(mut form: Form) -> Result<Self, RefusalCode> {
        for name in ["subject_token_type", "requested_token_type"] {
            if form.take(name)?.as_str() != ACCESS_TOKEN_TYPE {
                return Err(RefusalCode::InvalidRequest);
            }
        }
        let mut grant = form.take("subject_token")?;
        let ttl: u64 =
            form.take("requested_expires_in")?.parse().map_err(|_| RefusalCode::InvalidRequest)?;
        let details = form.take("authorization_details")?;
        let [call]: [RequestedCall; 1] =
            serde_json::from_str(&details).map_err(|_| RefusalCode::InvalidAuthorizationDetails)?;
        if call.kind != TOOL_CALL {
            return Err(RefusalCode::InvalidAuthorizationDetails);
        }
        Ok(Self {
            grant: GrantToken::parse(std::mem::take(&mut *grant))
                .map_err(|_| RefusalCode::InvalidGrant)?,
            service: ServiceName::new(form.take("audience")?.as_str())
                .map_err(|_| RefusalCode::InvalidTarget)?,
            resource: Url::parse(&form.take("resource")?)
                .map_err(|_| RefusalCode::InvalidTarget)?,
            scope: Scope::new(&form.take("scope")?).map_err(|_| RefusalCode::InvalidScope)?,
            ttl: Ttl::from_seconds(ttl).map_err(|_| RefusalCode::InvalidRequest)?,
            call,
            summary: form
                .take_if_there("binding_message")
                .map(|text| Summary::new(text.as_str()))
                .transpose()
                .map_err(|_| RefusalCode::InvalidRequest)?,
            approval: form
                .take_if_there("auth_req_id")
                .map(|text| ApprovalId::new(text.as_str()))
                .transpose()
                .map_err(|_| RefusalCode::InvalidRequest)?,
        })
    }
}

/// A token that its holder wants dead.
#[derive(Debug)]
pub enum Revocation {
    /// One nonce.
    Nonce(NonceToken),
    /// A task's grant, with everything minted from it.
    Grant(GrantToken),
    /// An approval that nobody waits for any more.
    Approval(ApprovalId),
    /// Text that is no token of ours: revoked already, as far as RFC 7009 section 2.2 goes.
    Unknown,
}

impl Revocation {
    /// Reads the body of a request to the revocation endpoint.
    ///
    /// # Errors
    /// With the code that the caller should get.
    pub fn from_form(body: &[u8]) -> Result<Self, RefusalCode> {
        let token = Form::read(body)?.take("token")?;
        if let Ok(nonce) = NonceToken::parse(token.to_string()) {
            return Ok(Self::Nonce(nonce));
        }
        if let Ok(approval) = ApprovalId::new(token.as_str()) {
            return Ok(Self::Approval(approval));
        }
        Ok(GrantToken::parse(token.to_string()).map_or(Self::Unknown, Self::Grant))
    }
}

/// The parameters of a form body, none of them twice (RFC 6749 section 3.2).
struct Form(BTreeMap<String, Zeroizing<String>>);

impl Form {
    fn read(body: &[u8]) -> Result<Self, RefusalCode> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            let value = Zeroizing::new(value.into_owned());
            if parameters.insert(name.into_owned(), value).is_some() {
                return Err(RefusalCode::InvalidRequest);
            }
        }
        Ok(Self(parameters))
    }

    fn take(&mut self, name: &str) -> Result<Zeroizing<String>, RefusalCode> {
        self.take_if_there(name).ok_or(RefusalCode::InvalidRequest)
    }

    fn take_if_there(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.0.remove(name)
    }
}

fn form(parameters: &[(&str, &str)]) -> Zeroizing<String> {
    // Three bytes for each one is the most that escaping makes of it, so it never grows.
    let capacity = parameters.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut serializer = form_urlencoded::Serializer::new(String::with_capacity(capacity));
    serializer.extend_pairs(parameters);
    Zeroizing::new(serializer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use proptest::prelude::*;
    use serde_json::json;

    fn nonce_body() -> String {
        let call = RequestedCall::new(
            ToolName::new("find_customers").unwrap(),
            CallId::new("call_1").unwrap(),
            ArgumentsHash::of(&json!({"email": "ada@example.com"})),
            Uses::ONE,
        );
        let wish = NonceWish {
            service: &ServiceName::new("stripe").unwrap(),
            resource: &Url::parse("https://broker.example/egress/stripe").unwrap(),
            scope: &Scope::new("read:customers").unwrap(),
            ttl: "5m".parse().unwrap(),
            call: &call,
            summary: None,
            approval: None,
        };
        nonce_form(&GrantToken::mint(&SystemRandom::new()).unwrap(), &wish).unwrap().to_string()
    }

    #[test]
    fn a_nonce_request_reads_back() {
        let TokenRequest::Nonce(request) =
            TokenRequest::from_form(nonce_body().as_bytes()).unwrap()
        else {
            panic!("not a nonce request");
        };
        assert_eq!(request.service.as_str(), "stripe");
        assert_eq!(request.ttl.seconds(), 300);
        assert_eq!(request.call.tool.as_str(), "find_customers");
    }

    #[test]
    fn a_task_request_reads_back() {
        let body = task_form("a.b.c", &TaskId::new("task-42").unwrap());
        let TokenRequest::Task(request) = TokenRequest::from_form(body.as_bytes()).unwrap() else {
            panic!("not a task request");
        };
        assert_eq!((request.assertion.as_str(), request.task.as_str()), ("a.b.c", "task-42"));
    }

    #[test]
    fn each_wrong_parameter_has_its_code() {
        let body = nonce_body();
        let code = |body: &str| TokenRequest::from_form(body.as_bytes()).unwrap_err();
        assert_eq!(code(""), RefusalCode::InvalidRequest);
        assert_eq!(code("grant_type=password"), RefusalCode::UnsupportedGrantType);
        assert_eq!(code(&format!("{body}&scope=admin")), RefusalCode::InvalidRequest);
        assert_eq!(code(&body.replace("acg_", "acn_")), RefusalCode::InvalidGrant);
        assert_eq!(
            code(&body.replace("audience=stripe", "audience=..%2F")),
            RefusalCode::InvalidTarget
        );
        assert_eq!(code(&body.replace("read%3Acustomers", "")), RefusalCode::InvalidScope);
        assert_eq!(
            code(&body.replace("agentcred_tool_call", "other")),
            RefusalCode::InvalidAuthorizationDetails
        );
        assert_eq!(code(&body.replace("=300", "=0")), RefusalCode::InvalidRequest);
    }

    #[test]
    fn what_is_no_token_counts_as_revoked() {
        assert!(matches!(Revocation::from_form(b"token=x"), Ok(Revocation::Unknown)));
        assert!(Revocation::from_form(b"").is_err());
    }

    proptest! {
        #[test]
        fn no_body_makes_reading_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = TokenRequest::from_form(&body);
            let _ = Revocation::from_form(&body);
        }
    }
}
