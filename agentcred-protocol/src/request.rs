//! Requests to the token and the revocation endpoint, as form bodies.

mod client;
mod form;
mod forms;
mod inspection;
mod revocation;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::answer::{ACCESS_TOKEN_TYPE, TOOL_CALL};
use crate::approval::Summary;
use crate::arguments::ArgumentsHash;
use crate::names::{ApprovalId, CallId, ServiceName, TaskId, ToolName};
use crate::refusal::RefusalCode;
use crate::scope::Scope;
use crate::token::GrantToken;
use crate::ttl::{Ttl, Uses};
use crate::user::UserToken;
use form::Form;

pub use client::{AssertionKind, ClientAssertion, ClientAuthentication};
pub use forms::{
    NonceWish, nonce_form, revoke_grant_form, revoke_nonce_form, task_form, user_task_form,
    withdraw_form, workload_task_form,
};
pub use inspection::Inspection;
pub use revocation::Revocation;

/// The grant type of token exchange (RFC 8693 section 2.1).
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// The token type of a JWT (RFC 8693 section 3).
pub const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A request to the token endpoint.
#[derive(Debug)]
pub enum TokenRequest {
    /// For a task grant.
    Task(TaskRequest),
    /// For a nonce.
    Nonce(Box<NonceRequest>),
}

/// Asks for the grant of one task: by client credentials (RFC 6749 section 4.4, RFC 7523 section
/// 2.2), or on behalf of a user by token exchange (RFC 8693).
#[derive(Debug)]
pub struct TaskRequest {
    /// Who asks.
    pub client: ClientAuthentication,
    /// The task.
    pub task: TaskId,
    /// On whose behalf, when it is on somebody's.
    pub user: Option<UserToken>,
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

impl TokenRequest {
    /// Reads the body of a request to the token endpoint.
    ///
    /// # Errors
    /// With the code that the caller should get.
    pub fn from_form(body: &[u8]) -> Result<Self, RefusalCode> {
        let mut form = Form::read(body)?;
        match form.take("grant_type")?.as_str() {
            "client_credentials" => TaskRequest::from_form(form).map(Self::Task),
            TOKEN_EXCHANGE if form.has("actor_token") => {
                TaskRequest::for_user(form).map(Self::Task)
            }
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
        Ok(Self {
            client: ClientAuthentication::take(&mut form)?,
            task: TaskId::new(task.as_str()).map_err(|_| RefusalCode::InvalidRequest)?,
            user: None,
        })
    }

    fn for_user(mut form: Form) -> Result<Self, RefusalCode> {
        let types = [("subject_token_type", JWT_TYPE), ("requested_token_type", ACCESS_TOKEN_TYPE)];
        for (name, expected) in types {
            if form.take(name)?.as_str() != expected {
                return Err(RefusalCode::InvalidRequest);
            }
        }
        let mut user = form.take("subject_token")?;
        let user = UserToken::new(std::mem::take(&mut *user));
        let task = form.take("agentcred_task")?;
        Ok(Self {
            client: ClientAuthentication::Assertion(ClientAssertion::take_as_actor(&mut form)?),
            task: TaskId::new(task.as_str()).map_err(|_| RefusalCode::InvalidRequest)?,
            user: Some(user.map_err(|_| RefusalCode::InvalidGrant)?),
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

    fn asserted(request: &TaskRequest) -> &str {
        let ClientAuthentication::Assertion(client) = &request.client else {
            panic!("no assertion");
        };
        client.text.as_str()
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
        assert_eq!((asserted(&request), request.task.as_str()), ("a.b.c", "task-42"));
    }

    #[test]
    fn a_task_request_on_behalf_of_a_user_reads_back() {
        let user = UserToken::new("e30.e30.c2ln").unwrap();
        let body = user_task_form("a.b.c", &TaskId::new("task-42").unwrap(), &user);
        let TokenRequest::Task(request) = TokenRequest::from_form(body.as_bytes()).unwrap() else {
            panic!("not a task request");
        };
        assert_eq!((asserted(&request), request.task.as_str()), ("a.b.c", "task-42"));
        assert!(request.user.is_some());
        let code = |body: &str| TokenRequest::from_form(body.as_bytes()).unwrap_err();
        assert_eq!(code(&body.replace("e30.", "")), RefusalCode::InvalidGrant);
        assert_eq!(code(&body.replacen("jwt", "saml2", 1)), RefusalCode::InvalidRequest);
    }

    #[test]
    fn a_task_request_by_anothers_assertion_names_the_agent() {
        let task = TaskId::new("task-42").unwrap();
        let user = UserToken::new("e30.e30.c2ln").unwrap();
        for user in [None, Some(&user)] {
            let body = workload_task_form("a.b.c", &"billing".parse().unwrap(), &task, user);
            let request = TokenRequest::from_form(body.as_bytes()).unwrap();
            let TokenRequest::Task(TaskRequest { client, .. }) = request else { panic!("no task") };
            let ClientAuthentication::Assertion(client) = client else { panic!("no assertion") };
            assert_eq!(client.client_id.as_deref(), Some("billing"));
        }
    }

    #[test]
    fn half_an_assertion_is_none_and_no_assertion_may_stand_elsewhere() {
        let read = |more: &str| {
            let body = format!("grant_type=client_credentials&agentcred_task=t{more}");
            TokenRequest::from_form(body.as_bytes())
        };
        assert_eq!(read("&client_assertion=a.b.c").unwrap_err(), RefusalCode::InvalidClient);
        let TokenRequest::Task(request) = read("&client_id=billing").unwrap() else {
            panic!("no task")
        };
        let ClientAuthentication::Elsewhere { client_id } = request.client else {
            panic!("an assertion")
        };
        assert_eq!(client_id.as_deref(), Some("billing"));
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

    proptest! {
        #[test]
        fn no_body_makes_reading_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = TokenRequest::from_form(&body);
            let _ = Revocation::from_form(&body);
        }
    }
}
