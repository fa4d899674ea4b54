//! The form bodies that an agent sends: the one place where a request takes up a secret's text.

use url::Url;
use zeroize::Zeroizing;

use super::form::form;
use super::{JWT_TYPE, RequestedCall, TOKEN_EXCHANGE};
use crate::answer::ACCESS_TOKEN_TYPE;
use crate::approval::Summary;
use crate::assertion::ASSERTION_TYPE;
use crate::names::{AgentId, ApprovalId, ServiceName, TaskId};
use crate::scope::Scope;
use crate::token::{GrantToken, NonceToken};
use crate::ttl::Ttl;
use crate::user::UserToken;

/// The form body that asks for a task grant.
pub fn task_form(assertion: &str, task: &TaskId) -> Zeroizing<String> {
    form(&grant_parameters(assertion, task, None))
}

/// The form body that asks for a task grant on behalf of a user (RFC 8693 section 2.1): the user's
/// token is the subject's and the assertion the actor's.
pub fn user_task_form(assertion: &str, task: &TaskId, user: &UserToken) -> Zeroizing<String> {
    form(&grant_parameters(assertion, task, Some(user)))
}

/// Either of them, by an assertion that somebody else made: it need not name the agent, so `client_id`
/// does (RFC 7521 section 4.2), and the issuer compares the two.
pub fn workload_task_form(
    assertion: &str,
    agent: &AgentId,
    task: &TaskId,
    user: Option<&UserToken>,
) -> Zeroizing<String> {
    let mut parameters = grant_parameters(assertion, task, user);
    parameters.push(("client_id", agent.as_str()));
    form(&parameters)
}

fn grant_parameters<'a>(
    assertion: &'a str,
    task: &'a TaskId,
    user: Option<&'a UserToken>,
) -> Vec<(&'static str, &'a str)> {
    let mut parameters = match user {
        None => vec![
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ],
        Some(user) => vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", user.as_form_value()),
            ("subject_token_type", JWT_TYPE),
            ("actor_token", assertion),
            ("actor_token_type", JWT_TYPE),
            ("requested_token_type", ACCESS_TOKEN_TYPE),
        ],
    };
    parameters.push(("agentcred_task", task.as_str()));
    parameters
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
