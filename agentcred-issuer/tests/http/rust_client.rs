//! The `oauth2` crate as a client: what it does by itself, and what has to be added around it.
//!
//! It asks for task grants, introspects and revokes, over TLS alone. It has no metadata (RFC 8414), so
//! its URLs are read from there by hand; no token exchange (RFC 8693), so the nonce is asked for by a
//! form of this test's and only its answer read by the crate; no `private_key_jwt`, so the assertion
//! is an extra parameter; no DPoP, so its HTTP client, which it lets others provide, adds the proof.

use std::sync::Mutex;

use agentcred_protocol::assertion::ASSERTION_TYPE;
use agentcred_protocol::clock::Clock as _;
use agentcred_protocol::proof::{self, ProvenRequest, SERVER_NONCE_HEADER};
use agentcred_protocol::token::{GrantToken, NonceToken};
use http::Request;
use oauth2::basic::{BasicClient, BasicTokenType};
use oauth2::{
    AccessToken, AuthType, ClientId, ExtraTokenFields, HttpRequest, HttpResponse, IntrospectionUrl,
    RevocationUrl, StandardRevocableToken, StandardTokenResponse, TokenIntrospectionResponse as _,
    TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent::{Agent, READ, Wish};
use crate::stage::{Stage, new_key};
use crate::tls::{Authority, client, with_tls};
use crate::upstream::{Upstream, json};

const ENTRIES: Wish<'_> = Wish { service: "ledger", scope: "read:entries", ttl: 60, uses: 1 };

/// The HTTP client that the crate is given.
struct Proving<'s> {
    stage: &'s Stage,
    server_nonce: Mutex<Option<String>>,
}

impl Proving<'_> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
        let answer = self.send_once(request.clone()).await?;
        let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if said["error"] == "use_dpop_nonce" {
            return self.send_once(request).await;
        }
        Ok(answer)
    }

    async fn send_once(&self, mut request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
        let Stage { agent, clock, .. } = self.stage;
        let url = request.uri().to_string().parse().unwrap();
        let for_this = ProvenRequest { method: request.method(), url: &url, token_hash: None };
        let server_nonce = self.server_nonce.lock().unwrap().clone();
        let proof = proof::sign_with_server_nonce(
            &agent.proof_key,
            for_this,
            server_nonce.as_deref(),
            &agent.new_id(),
            clock.now(),
        );
        request.headers_mut().insert(proof::HEADER, proof.unwrap());
        let response = agent.http.execute(request.try_into()?).await?;
        if let Some(given) = response.headers().get(SERVER_NONCE_HEADER) {
            *self.server_nonce.lock().unwrap() = Some(given.to_str().unwrap().to_owned());
        }
        let mut answer = http::Response::builder().status(response.status());
        *answer.headers_mut().unwrap() = response.headers().clone();
        Ok(answer.body(response.bytes().await?.to_vec()).unwrap())
    }

    /// Asks for a nonce, and has the crate read the answer.
    async fn mint(&self, grant: &AccessToken, wish: Wish<'_>) -> NonceAnswer {
        let agent = &self.stage.agent;
        let grant = GrantToken::parse(grant.secret().clone()).unwrap();
        let request = Request::post(agent.url("/token").as_str())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(agent.nonce_form(&grant, wish).into_bytes());
        let answer = self.send(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        serde_json::from_slice(answer.body()).unwrap()
    }
}

type NonceAnswer = StandardTokenResponse<Details, BasicTokenType>;

#[derive(Debug, Serialize, Deserialize)]
struct Details {
    authorization_details: Value,
}

impl ExtraTokenFields for Details {}

#[tokio::test]
async fn the_oauth2_crate_gets_a_grant_introspects_and_revokes() {
    let authority = Authority::new();
    let mut gate_key = None;
    let upstream = Upstream::answering(json("{}")).await;
    let mut stage = Stage::with_policy(upstream, |policy, folder| {
        authority.write(folder, "127.0.0.1");
        gate_key = Some(new_key(folder, "gate"));
        let policy = policy.replace(r#"server_nonce = "off""#, r#"server_nonce = "required""#);
        let gate = "[resource_servers.gate]\nkeys = [\"gate.jwk\"]\nservices = [\"ledger\"]\n";
        with_tls(&format!("{policy}\n{gate}"), "")
    })
    .await;
    stage.agent.http = client(&authority).build().unwrap();
    let Stage { agent, clock, .. } = &stage;
    let gate = Agent::new("gate", gate_key.unwrap(), agent.issuer.clone(), clock.clone());

    let metadata = agent.url("/.well-known/oauth-authorization-server");
    let metadata = agent.http.get(metadata).send().await.unwrap().json::<Value>().await.unwrap();
    let named = |name: &str| metadata[name].as_str().unwrap().to_owned();
    let client = |id: &str| {
        BasicClient::new(ClientId::new(id.to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::new(named("token_endpoint")).unwrap())
            .set_revocation_url(RevocationUrl::new(named("revocation_endpoint")).unwrap())
            .set_introspection_url(IntrospectionUrl::new(named("introspection_endpoint")).unwrap())
    };
    let proving = Proving { stage: &stage, server_nonce: Mutex::default() };
    let http = |request| proving.send(request);

    let billing = client("billing");
    let grant = billing
        .exchange_client_credentials()
        .add_extra_param("client_assertion_type", ASSERTION_TYPE)
        .add_extra_param("client_assertion", agent.assertion())
        .add_extra_param("agentcred_task", "task-1")
        .request_async(&http)
        .await
        .unwrap();
    assert_eq!(grant.token_type(), &BasicTokenType::Extension("dpop".to_owned()));
    let grant = grant.access_token();

    let nonce = proving.mint(grant, READ).await;
    assert_eq!(nonce.extra_fields().authorization_details[0]["tool_call_id"], "call_1");
    let token = NonceToken::parse(nonce.access_token().secret().clone()).unwrap();
    // The broker asks for a server nonce too, which the agent of these tests does not give.
    let asked = agent.get(&token, "/egress/stripe/v1/customers").await;
    assert_eq!(asked.headers()["agentcred-error"], "use_dpop_nonce");

    let shown = proving.mint(grant, ENTRIES).await;
    let gate_client = client("gate");
    let introspect = async || {
        gate_client
            .introspect(shown.access_token())
            .add_extra_param("client_assertion_type", ASSERTION_TYPE)
            .add_extra_param("client_assertion", gate.assertion())
            .request_async(&http)
            .await
            .unwrap()
    };
    let said = introspect().await;
    assert!(said.active());
    assert_eq!(said.scopes().unwrap()[0].as_str(), "read:entries");
    let dead = StandardRevocableToken::AccessToken(grant.clone());
    billing.revoke_token(dead).unwrap().request_async(&http).await.unwrap();
    // With the grant, the nonces that were minted from it.
    assert!(!introspect().await.active());
}
