//! What operators do to a running issuer, and what agents cannot do on their listener.

use std::path::Path;

use agentcred_issuer::{Config, Parts, Server};
use agentcred_protocol::operator::OperatorHash;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::token::OperatorToken;
use aws_lc_rs::rand::SystemRandom;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::agent::{READ, broker_refusal};
use crate::stage::Stage;
use crate::upstream::{self, Upstream};

/// An operator of a stage.
pub(crate) struct Operator {
    token: OperatorToken,
    pub(crate) text: String,
    pub(crate) at: String,
    http: reqwest::Client,
}

/// A stage with an operators' listener, and its operator.
async fn stage() -> (Stage, Operator) {
    stage_with("", |policy| policy).await
}

/// The same, with more sections before a changed policy.
pub(crate) async fn stage_with(
    more: &str,
    edit: impl FnOnce(String) -> String,
) -> (Stage, Operator) {
    let upstream = Upstream::answering(upstream::json("{}")).await;
    build(upstream, |policy| format!("{more}{}", edit(policy)), |_| {}).await
}

/// The same before another upstream.
pub(crate) async fn stage_before(
    upstream: Upstream,
    edit: impl FnOnce(String) -> String,
) -> (Stage, Operator) {
    build(upstream, edit, |_| {}).await
}

/// The same with changed parts.
pub(crate) async fn stage_of(change: impl FnOnce(&mut Parts)) -> (Stage, Operator) {
    build(Upstream::answering(upstream::json("{}")).await, |policy| policy, change).await
}

async fn build(
    upstream: Upstream,
    edit: impl FnOnce(String) -> String,
    change: impl FnOnce(&mut Parts),
) -> (Stage, Operator) {
    let (token, text) = OperatorToken::generate(&SystemRandom::new()).unwrap();
    let operators = format!(
        "[operators]\nlisten = \"127.0.0.1:0\"\ntokens = {{ ada = \"{}\" }}\n",
        OperatorHash::of(&token)
    );
    let edit = |policy, _: &Path| format!("{operators}{}", edit(policy));
    let stage = Stage::build(upstream, edit, change).await;
    let at = stage.server.operators().unwrap().to_string();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    (stage, Operator { token, text: text.to_string(), at, http })
}

impl Operator {
    pub(crate) fn hash(&self) -> OperatorHash {
        OperatorHash::of(&self.token)
    }

    /// Where its listener is.
    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    /// What there is to measure.
    pub(crate) async fn scrape(&self) -> String {
        let request = self
            .http
            .get(format!("{}/metrics", self.at))
            .header("authorization", self.token.authorization().unwrap());
        let response = request.send().await.unwrap();
        assert!(response.headers()["content-type"].to_str().unwrap().contains("openmetrics"));
        response.text().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = self
            .http
            .get(format!("{}{path}", self.at))
            .header("authorization", self.token.authorization().unwrap());
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap_or_default())
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self
            .http
            .post(format!("{}{path}", self.at))
            .header("authorization", self.token.authorization().unwrap())
            .json(body);
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap_or_default())
    }
}

#[tokio::test]
async fn without_the_section_nobody_listens_for_operators() {
    let stage = Stage::set().await;
    assert!(stage.server.operators().is_none());
}

#[tokio::test]
async fn an_agents_nonce_and_grant_are_nothing_to_the_operators_listener() {
    let (stage, operator) = stage().await;
    let grant = stage.agent.grant().await;
    let nonce = stage.agent.try_mint(&grant, READ).await.unwrap().token;
    for authorization in [nonce.authorization().unwrap(), grant.authorization().unwrap()] {
        let request = operator
            .http
            .post(format!("{}/revoke", operator.at))
            .header("authorization", authorization)
            .header("dpop", stage.agent.token_proof());
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(stage.last_reason(), "no_operator");
    // And an operator's token is nothing to the agents' listener.
    let path = "/egress/stripe/v1/customers";
    let response = stage
        .agent
        .http
        .get(stage.agent.url(path))
        .header("authorization", operator.token.authorization().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(broker_refusal(response).await.code, RefusalCode::InvalidToken);
}

#[tokio::test]
async fn an_operator_ends_a_nonce_by_its_name() {
    let (stage, operator) = stage().await;
    let minted = stage.agent.try_mint(&stage.agent.grant().await, READ).await.unwrap();
    let body = json!({"nonce_id": minted.details.nonce_id});
    let ended = operator.post("/revoke", &body).await;
    assert_eq!(ended, (StatusCode::OK, json!({"grants": 0, "nonces": 1})));
    let refused = stage.agent.get(&minted.token, "/egress/stripe/v1/customers").await;
    assert_eq!(broker_refusal(refused).await.code, RefusalCode::InvalidToken);
    let again = operator.post("/revoke", &body).await;
    assert_eq!(again, (StatusCode::OK, json!({"grants": 0, "nonces": 0})));
    let [line] = &stage.audit_of("revoke")[..] else { panic!("one revocation") };
    assert_eq!((&line["operator"], &line["nonce_id"]), (&json!("ada"), &body["nonce_id"]));
}

#[tokio::test]
async fn an_operator_ends_a_task_and_its_agent_cannot_open_it_again() {
    let (stage, operator) = stage().await;
    let nonce = stage.agent.mint(READ).await;
    let ended = operator.post("/revoke", &json!({"agent": "billing", "task": "task-1"})).await;
    assert_eq!(ended, (StatusCode::OK, json!({"grants": 1, "nonces": 1})));
    let refused = stage.agent.get(&nonce, "/egress/stripe/v1/customers").await;
    assert_eq!(broker_refusal(refused).await.code, RefusalCode::InvalidToken);
    let refused = stage.agent.try_grant("task-1").await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::AccessDenied);
    assert_eq!(stage.last_reason(), "task_stopped");
    assert!(stage.agent.try_grant("task-2").await.is_ok());
}

#[tokio::test]
async fn what_is_no_revocation_is_refused() {
    let (stage, operator) = stage().await;
    let both = json!({"nonce_id": "n_1", "agent": "billing", "task": "task-1"});
    for body in [json!({}), json!({"task": "task-1"}), json!({"nonce_id": "../x"}), both] {
        let (status, answer) = operator.post("/revoke", &body).await;
        assert_eq!(
            (status, &answer["error"]),
            (StatusCode::BAD_REQUEST, &json!("invalid_request"))
        );
    }
    assert!(stage.audit_of("revoke").is_empty());
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let (stage, operator) = stage().await;
    let text = format!(
        "server.listen = \"127.0.0.1:0\"\naudit.file = \"other.jsonl\"\n[operators]\n\
         listen = \"{}\"\ntokens = {{ ada = \"{}\" }}",
        operator.at.trim_start_matches("http://"),
        OperatorHash::of(&operator.token)
    );
    let config = Config::parse(&text, stage.folder()).unwrap();
    let refused = Server::start(config).await.unwrap_err().to_string();
    assert!(refused.contains(&operator.at) && refused.contains("operators"), "{refused}");
}
