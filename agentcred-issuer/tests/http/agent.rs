//! An agent as the protocol describes one, with every part of a request open to a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentcred_protocol::answer::{GrantAnswer, NonceAnswer};
use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::assertion;
use agentcred_protocol::clock::{Clock as _, ManualClock};
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::proof::{self, ProvenRequest};
use agentcred_protocol::refusal::{REFUSAL_HEADER, RefusalBody, RefusalCode};
use agentcred_protocol::request::{NonceWish, RequestedCall, nonce_form, task_form};
use agentcred_protocol::token::{GrantToken, NonceToken};
use http::{HeaderValue, Method};
use reqwest::{Response, StatusCode};
use serde_json::json;
use url::Url;

pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) key: SigningKey,
    /// The key of its task, with which it makes proofs.
    pub(crate) proof_key: SigningKey,
    pub(crate) issuer: Url,
    pub(crate) http: reqwest::Client,
    clock: Arc<ManualClock>,
    ids: AtomicU64,
}

/// A refusal, as it arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: RefusalCode,
}

/// What a test wants a nonce for.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) service: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) ttl: u64,
    pub(crate) uses: u32,
}

pub(crate) const READ: Wish<'_> =
    Wish { service: "stripe", scope: "read:customers", ttl: 300, uses: 1 };

impl Agent {
    pub(crate) fn new(id: &str, key: SigningKey, issuer: Url, clock: Arc<ManualClock>) -> Self {
        Self {
            id: id.to_owned(),
            key,
            proof_key: SigningKey::ephemeral().unwrap(),
            issuer,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            clock,
            ids: AtomicU64::new(0),
        }
    }

    /// An id that this agent has not used.
    pub(crate) fn new_id(&self) -> String {
        format!("{}-{}", self.id, self.ids.fetch_add(1, Ordering::SeqCst))
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        self.issuer.join(path).unwrap()
    }

    pub(crate) fn assertion(&self) -> String {
        let id = self.id.parse().unwrap();
        assertion::sign(&self.key, &id, &self.issuer, &self.new_id(), self.clock.now()).unwrap()
    }

    pub(crate) fn token_proof(&self) -> HeaderValue {
        let request =
            ProvenRequest { method: &Method::POST, url: &self.url("/token"), token_hash: None };
        self.proof(request)
    }

    pub(crate) fn proof(&self, request: ProvenRequest<'_>) -> HeaderValue {
        proof::sign(&self.proof_key, request, &self.new_id(), self.clock.now()).unwrap()
    }

    /// A proof for a brokered request.
    pub(crate) fn nonce_proof(
        &self,
        nonce: &NonceToken,
        method: &Method,
        path: &str,
    ) -> HeaderValue {
        let hash = nonce.proof_hash();
        self.proof(ProvenRequest { method, url: &self.url(path), token_hash: Some(&hash) })
    }

    /// Posts a form with a proof.
    pub(crate) async fn post(
        &self,
        path: &str,
        form: String,
        proof: Option<HeaderValue>,
    ) -> Response {
        let mut request = self
            .http
            .post(self.url(path))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        if let Some(proof) = proof {
            request = request.header(proof::HEADER, proof);
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn try_grant(&self, task: &str) -> Result<GrantToken, Refusal> {
        let form = task_form(&self.assertion(), &task.parse().unwrap()).to_string();
        let response = self.post("/token", form, Some(self.token_proof())).await;
        if response.status() == StatusCode::OK {
            return Ok(GrantAnswer::from_json(&response.bytes().await.unwrap()).unwrap().token);
        }
        Err(refusal(response).await)
    }

    pub(crate) async fn grant(&self) -> GrantToken {
        self.try_grant("task-1").await.unwrap()
    }

    pub(crate) fn nonce_form(&self, grant: &GrantToken, wish: Wish<'_>) -> String {
        let call = RequestedCall::new(
            "find_customers".parse().unwrap(),
            "call_1".parse().unwrap(),
            ArgumentsHash::of(&json!({"email": "ada@example.com"})),
            wish.uses.try_into().unwrap(),
        );
        let wish = NonceWish {
            service: &wish.service.parse().unwrap(),
            resource: &self.url(&format!("/egress/{}", wish.service)),
            scope: &wish.scope.parse().unwrap(),
            ttl: agentcred_protocol::ttl::Ttl::from_seconds(wish.ttl).unwrap(),
            call: &call,
            summary: None,
            approval: None,
        };
        nonce_form(grant, &wish).unwrap().to_string()
    }

    pub(crate) async fn try_mint(
        &self,
        grant: &GrantToken,
        wish: Wish<'_>,
    ) -> Result<NonceAnswer, Refusal> {
        let form = self.nonce_form(grant, wish);
        let response = self.post("/token", form, Some(self.token_proof())).await;
        if response.status() == StatusCode::OK {
            return Ok(NonceAnswer::from_json(&response.bytes().await.unwrap()).unwrap());
        }
        Err(refusal(response).await)
    }

    /// A nonce of a new task.
    pub(crate) async fn mint(&self, wish: Wish<'_>) -> NonceToken {
        self.try_mint(&self.grant().await, wish).await.unwrap().token
    }

    /// A brokered request, ready but for its proof.
    pub(crate) fn request(
        &self,
        nonce: &NonceToken,
        method: &Method,
        path: &str,
    ) -> reqwest::RequestBuilder {
        self.http
            .request(method.clone(), self.url(path))
            .header("authorization", nonce.authorization().unwrap())
    }

    /// Sends a brokered request as it should be.
    pub(crate) async fn send(&self, nonce: &NonceToken, method: Method, path: &str) -> Response {
        let proof = self.nonce_proof(nonce, &method, path);
        self.request(nonce, &method, path).header(proof::HEADER, proof).send().await.unwrap()
    }

    pub(crate) async fn get(&self, nonce: &NonceToken, path: &str) -> Response {
        self.send(nonce, Method::GET, path).await
    }
}

/// Reads a refusal of the token or the revocation endpoint.
pub(crate) async fn refusal(response: Response) -> Refusal {
    let status = response.status();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: RefusalBody = response.json().await.unwrap();
    Refusal { status, code: body.error }
}

/// Reads a refusal of the broker, which says so in every way that it should.
pub(crate) async fn broker_refusal(response: Response) -> Refusal {
    let headers = response.headers().clone();
    let refusal = refusal(response).await;
    assert_eq!(headers[REFUSAL_HEADER], refusal.code.as_str());
    let challenge = headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with(&format!("DPoP error=\"{}\"", refusal.code)), "{challenge}");
    refusal
}
