//! An agent that talks to whichever issuer it is told to, as through a load balancer.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use agentcred_protocol::answer::{GrantAnswer, NonceAnswer};
use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::assertion;
use agentcred_protocol::clock::{Clock as _, SystemClock};
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::names::ApprovalId;
use agentcred_protocol::proof::{self, ProvenRequest};
use agentcred_protocol::request::{NonceWish, RequestedCall, nonce_form, task_form};
use agentcred_protocol::token::{GrantToken, NonceToken};
use agentcred_protocol::ttl::Ttl;
use http::{HeaderValue, Method};
use reqwest::Response;
use serde_json::json;
use url::Url;

pub(crate) struct Agent {
    key: SigningKey,
    proof_key: SigningKey,
    issuer: Url,
    http: reqwest::Client,
    ids: AtomicU64,
    /// The newest server nonce that any of the issuers gave.
    server_nonce: Mutex<Option<String>>,
}

/// An issuer that did not do what it was asked: its refusal, or none when it did not answer.
pub(crate) type Failed = Option<String>;

impl Agent {
    pub(crate) fn new(key: SigningKey, issuer: Url) -> Self {
        Self {
            key,
            proof_key: SigningKey::ephemeral().unwrap(),
            issuer,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            ids: AtomicU64::new(0),
            server_nonce: Mutex::default(),
        }
    }

    fn new_id(&self) -> String {
        format!("{}-{}", std::process::id(), self.ids.fetch_add(1, Ordering::SeqCst))
    }

    fn proof(&self, method: &Method, path: &str, token_hash: Option<&str>) -> HeaderValue {
        let url = self.issuer.join(path).unwrap();
        let request = ProvenRequest { method, url: &url, token_hash };
        let server_nonce = self.server_nonce.lock().unwrap().clone();
        let (key, id, now) = (&self.proof_key, self.new_id(), SystemClock.now());
        proof::sign_with_server_nonce(key, request, server_nonce.as_deref(), &id, now).unwrap()
    }

    /// Remembers what an answer gives for the next proof.
    fn read(&self, response: &Response) {
        if let Some(nonce) = response.headers().get("dpop-nonce") {
            *self.server_nonce.lock().unwrap() = Some(nonce.to_str().unwrap().to_owned());
        }
    }

    async fn token(&self, at: SocketAddr, form: String) -> Result<Vec<u8>, Failed> {
        match self.try_token(at, form.clone()).await {
            Err(Some(refusal)) if refusal.contains("use_dpop_nonce") => {
                self.try_token(at, form).await
            }
            done => done,
        }
    }

    async fn try_token(&self, at: SocketAddr, form: String) -> Result<Vec<u8>, Failed> {
        let response = self
            .http
            .post(format!("http://{at}/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header(proof::HEADER, self.proof(&Method::POST, "/token", None))
            .body(form)
            .send()
            .await
            .map_err(|_| None)?;
        self.read(&response);
        let status = response.status();
        let body = response.bytes().await.map_err(|_| None)?;
        if status.is_success() {
            Ok(body.to_vec())
        } else {
            Err(Some(String::from_utf8_lossy(&body).into_owned()))
        }
    }

    /// Opens a task at an issuer.
    pub(crate) async fn open(&self, at: SocketAddr) -> Result<GrantToken, Failed> {
        let id = "billing".parse().unwrap();
        let assertion =
            assertion::sign(&self.key, &id, &self.issuer, &self.new_id(), SystemClock.now())
                .unwrap();
        let form = task_form(&assertion, &"task-1".parse().unwrap()).to_string();
        let body = self.token(at, form).await?;
        Ok(GrantAnswer::from_json(&body).unwrap().token)
    }

    /// Mints a nonce at an issuer.
    pub(crate) async fn mint(
        &self,
        at: SocketAddr,
        grant: &GrantToken,
        uses: u32,
    ) -> Result<NonceToken, Failed> {
        self.mint_approved(at, grant, uses, None).await
    }

    /// The same with the name of the approval that it waits for.
    pub(crate) async fn mint_approved(
        &self,
        at: SocketAddr,
        grant: &GrantToken,
        uses: u32,
        approval: Option<&ApprovalId>,
    ) -> Result<NonceToken, Failed> {
        let call = RequestedCall::new(
            "find_customers".parse().unwrap(),
            "call_1".parse().unwrap(),
            ArgumentsHash::of(&json!({})),
            uses.try_into().unwrap(),
        );
        let wish = NonceWish {
            service: &"stripe".parse().unwrap(),
            resource: &self.issuer.join("/egress/stripe").unwrap(),
            scope: &"read:customers".parse().unwrap(),
            ttl: Ttl::from_seconds(300).unwrap(),
            approval,
            summary: None,
            call: &call,
        };
        let body = self.token(at, nonce_form(grant, &wish).unwrap().to_string()).await?;
        Ok(NonceAnswer::from_json(&body).unwrap().token)
    }

    /// A proof for one request with a nonce.
    pub(crate) fn use_proof(&self, nonce: &NonceToken, path: &str) -> HeaderValue {
        self.proof(&Method::GET, path, Some(&nonce.proof_hash()))
    }

    /// Uses a nonce at an issuer. The status, or nothing when it did not answer.
    pub(crate) async fn redeem(
        &self,
        at: SocketAddr,
        nonce: &NonceToken,
        path: &str,
        proof: HeaderValue,
    ) -> Option<u16> {
        let response = self
            .http
            .get(format!("http://{at}{path}"))
            .header("authorization", nonce.authorization().unwrap())
            .header(proof::HEADER, proof)
            .send()
            .await
            .ok()?;
        self.read(&response);
        let status = response.status().as_u16();
        response.bytes().await.ok()?;
        Some(status)
    }
}
