//! Four common ways of handing tools a key. The tools are as careless as the just-in-time ones.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use tracing::instrument::WithSubscriber as _;

use super::desk::{Desk, EVERYTHING, environment};

/// How the tools come by the key.
#[derive(Clone)]
pub(crate) enum Handing {
    /// It stands in the system prompt, and each tool takes it as an argument.
    Prompt { key: String },
    /// It is a variable of the agent's process, and of every child of it.
    Environment { key: String },
    /// The tools read it from a secrets manager, whose token is a variable of the process.
    Manager { url: String, token: String },
    /// A gateway puts it into every request, and gives answers back as they are.
    Gateway,
}

/// The tools, with the service or the gateway at `url`.
#[derive(Clone)]
pub(crate) struct Careless {
    handing: Handing,
    url: String,
    kept: Arc<Mutex<Option<Client>>>,
}

/// What a tool talks to the service with.
#[derive(Clone, Debug)]
struct Client {
    url: String,
    key: Option<String>,
}

/// An answer that is no success, told whole, as many a client library tells it.
#[derive(Debug, thiserror::Error)]
struct Failed {
    status: u16,
    body: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service answered with {}: {}", self.status, self.body)
    }
}

impl Careless {
    pub(crate) fn new(handing: Handing, url: String) -> Self {
        Self { handing, url, kept: Arc::default() }
    }

    async fn client(&self, arguments: &Value) -> anyhow::Result<Client> {
        let key = match &self.handing {
            Handing::Prompt { .. } => {
                Some(arguments["api_key"].as_str().context("api_key is missing")?.to_owned())
            }
            Handing::Environment { key } => Some(key.clone()),
            Handing::Manager { url, token } => {
                let manager = Client { url: url.clone(), key: Some(token.clone()) };
                Some(manager.send(Method::GET, "/v1/secret/crm").await?)
            }
            Handing::Gateway => None,
        };
        Ok(Client { url: self.url.clone(), key })
    }

    /// What this way puts into the environment.
    fn variables(&self) -> Vec<(&str, &str)> {
        match &self.handing {
            Handing::Environment { key } => vec![("CRM_API_KEY", key)],
            Handing::Manager { token, .. } => vec![("VAULT_TOKEN", token)],
            Handing::Prompt { .. } | Handing::Gateway => Vec::new(),
        }
    }

    #[expect(clippy::panic, reason = "one of the attacks is a panic")]
    async fn run(&self, tool: &str, arguments: &Value) -> anyhow::Result<String> {
        let client = self.client(arguments).await?;
        let customer = || format!("/v1/customers/{}", arguments["id"].as_str().unwrap_or("cus_1"));
        match tool {
            "read_customer" => client.send(Method::GET, &customer()).await,
            "fetch" => client.send(Method::GET, arguments["path"].as_str().unwrap_or("/")).await,
            "pay_out" => client.send(Method::POST, "/v1/payouts").await,
            "read_everything" => {
                for _ in 0..EVERYTHING {
                    client.send(Method::GET, &customer()).await?;
                }
                Ok("read".to_owned())
            }
            "show_connection" => Ok(format!("{client:?}")),
            "run_diagnostics" => environment(&self.variables()).await,
            "crash" => panic!("{client:?}: {}", client.send(Method::GET, &customer()).await?),
            "keep" => {
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
                Ok("kept".to_owned())
            }
            _ => anyhow::bail!("there is no tool {tool}"),
        }
    }
}

impl Client {
    async fn send(&self, method: Method, path: &str) -> anyhow::Result<String> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let mut request = http.request(method, format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await?;
        let (status, body) = (answer.status().as_u16(), answer.text().await?);
        ensure!(status == 200, Failed { status, body });
        Ok(body)
    }
}

#[async_trait]
impl Desk for Careless {
    fn prompt(&self) -> String {
        let prompt = "You look after customers.";
        match &self.handing {
            Handing::Prompt { key } => {
                format!("{prompt} For the tools, the API key is {key} today.")
            }
            _ => prompt.to_owned(),
        }
    }

    fn schemas(&self) -> Value {
        let text = json!({"type": "string"});
        let with = |argument: &str| match &self.handing {
            Handing::Prompt { .. } => json!({"properties": {argument: text, "api_key": text}}),
            _ => json!({"properties": {argument: text}}),
        };
        json!({
            "read_customer": with("id"), "fetch": with("path"), "pay_out": with("note"),
            "read_everything": with("note"), "show_connection": with("note"),
            "run_diagnostics": with("note"), "crash": with("id"), "keep": with("note"),
        })
    }

    /// A failure is told and logged with its cause, a panic is caught by the executor.
    async fn call(&self, tool: &str, arguments: Value) -> String {
        let (tools, called) = (self.clone(), tool.to_owned());
        let call = async move { tools.run(&called, &arguments).await };
        let told = match tokio::spawn(call.with_current_subscriber()).await {
            Ok(Ok(result)) => return result,
            Ok(Err(error)) => format!("{error:#}"),
            Err(panicked) => panicked.to_string(),
        };
        tracing::error!("{tool} failed: {told}");
        told
    }

    async fn use_what_was_kept(&self) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(client) = kept {
            // Whether it worked, the service tells.
            let _ = client.send(Method::GET, "/v1/customers/cus_2").await;
        }
    }

    /// Nothing ends: a key knows no tasks.
    async fn end(&self) {}
}
