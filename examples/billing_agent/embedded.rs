//! The vault side inside the example: the real issuer and broker on a loopback port, with
//! `issuer.toml` as the policy, in front of the sandbox or of another upstream.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

use agentcred::HttpIssuer;
use agentcred::protocol::key::SigningKey;
use agentcred_issuer::{Config, Server};
use anyhow::Context as _;
use tempfile::TempDir;
use toml::{Table, Value};
use url::{Host, Url};

use super::audit::Trail;
use super::sandbox::{Sandbox, SandboxKey};

/// A running vault side. Its files go when it is dropped.
pub(crate) struct Embedded {
    server: Server,
    sandbox: Option<Sandbox>,
    issuer: HttpIssuer,
    folder: TempDir,
}

impl Embedded {
    /// Starts the issuer in front of `upstream`, or of a sandbox with a key made for this run.
    pub(crate) async fn start(upstream: Option<&Url>, now: i64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let (agent_key, _) = SigningKey::generate()?;
        let public = serde_json::to_string(agent_key.public())?;
        write_private(&folder.path().join(AGENT_KEY), &public)?;

        let mut policy: Table = POLICY.parse().context("issuer.toml cannot be read")?;
        set(&mut policy, &["server", "listen"], "127.0.0.1:0");
        let sandbox = match upstream {
            Some(url) => {
                serve_url(&mut policy, url);
                None
            }
            None => Some(start_sandbox(&mut policy, folder.path(), now).await?),
        };
        let config = Config::parse(&policy.to_string(), folder.path())?;
        let server = Server::start(config).await?;
        let issuer = HttpIssuer::new(Url::parse(server.url().as_str())?, agent_key)?;
        Ok(Self { server, sandbox, issuer, folder })
    }

    /// The issuer as the agent reaches it: over HTTP, with a key of the agent's own.
    pub(crate) fn issuer(&self) -> HttpIssuer {
        self.issuer.clone()
    }

    /// What the audit holds of `task`.
    pub(crate) fn trail(&self, task: &str) -> anyhow::Result<Trail> {
        Trail::read(&self.folder.path().join(AUDIT), task)
    }

    /// How many requests the sandbox answered, when there is one.
    pub(crate) fn sandbox_requests(&self) -> Option<usize> {
        self.sandbox.as_ref().map(|sandbox| sandbox.requests().len())
    }

    /// Stops serving.
    pub(crate) async fn stop(self) {
        self.server.shutdown().await;
    }
}

/// The sandbox's key goes to the issuer by a file that only this user can read.
async fn start_sandbox(policy: &mut Table, folder: &Path, now: i64) -> anyhow::Result<Sandbox> {
    let key = SandboxKey::random()?;
    write_private(&folder.join(SANDBOX_KEY), key.expose())?;
    let sandbox = Sandbox::start((Ipv4Addr::LOCALHOST, 0).into(), key, now)
        .await
        .context("the sandbox cannot start")?;
    set(policy, &["services", "stripe", "secret"], format!("file:{SANDBOX_KEY}"));
    serve_url(policy, &Url::parse(&sandbox.url())?);
    Ok(sandbox)
}

/// The broker dials no loopback address unless the service says so.
fn serve_url(policy: &mut Table, origin: &Url) {
    let text = origin.as_str().trim_end_matches('/');
    set(policy, &["services", "stripe", "origin"], text);
    let network = match origin.host() {
        Some(Host::Ipv4(address)) if address.is_loopback() => format!("{address}/32"),
        Some(Host::Ipv6(address)) if address.is_loopback() => format!("{address}/128"),
        _ => return,
    };
    set(policy, &["services", "stripe", "allow_networks"], vec![network]);
}

fn set(table: &mut Table, path: &[&str], value: impl Into<Value>) {
    let Some((last, path)) = path.split_last() else { return };
    let mut table = table;
    for key in path {
        let below = table.entry(*key).or_insert_with(|| Table::new().into());
        let Value::Table(below) = below else { return };
        table = below;
    }
    table.insert((*last).to_owned(), value.into());
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).context("a temporary file cannot be written")?;
    file.write_all(text.as_bytes()).context("a temporary file cannot be written")
}

const POLICY: &str = include_str!("issuer.toml");

/// As `issuer.toml` names them.
const AGENT_KEY: &str = "billing-agent.jwk";
const AUDIT: &str = "audit.jsonl";

const SANDBOX_KEY: &str = "sandbox.key";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use agentcred::{
        Agent, ModelErrorCode, Nonce, RequestError, Task, ToolError, Toolbox, credentialed_tool,
        toolbox,
    };
    use serde_json::json;

    use super::super::stripe::{Invoice, Page};
    use super::super::tools::billing_tools;
    use super::*;

    fn agent(embedded: &Embedded, tools: Toolbox) -> Agent {
        Agent::builder("billing-agent").issuer(embedded.issuer()).tools(tools).build().unwrap()
    }

    async fn task(embedded: &Embedded) -> Task {
        agent(embedded, billing_tools()).task("task-1").await.unwrap()
    }

    /// Kestrel & Pine has 127 open invoices: three pages of fifty.
    async fn in_pages(stripe: &Nonce, customer: &str) -> Result<BTreeSet<String>, RequestError> {
        let query = [("customer", customer), ("status", "open"), ("limit", "50")];
        let mut pages = stripe.get("/v1/invoices").query(&query).pages::<Page<Invoice>>();
        let mut ids = BTreeSet::new();
        while let Some(page) = pages.next().await? {
            ids.extend(page.data.into_iter().map(|invoice| invoice.id));
        }
        Ok(ids)
    }

    /// Count the open invoices with a use for each page.
    #[credentialed_tool(service = "stripe", scope = "read:invoices", ttl = "1m", uses = 3)]
    async fn count_all(customer: String, stripe: Nonce) -> Result<usize, ToolError> {
        Ok(in_pages(&stripe, &customer).await?.len())
    }

    /// Count the open invoices with a use too few.
    #[credentialed_tool(service = "stripe", scope = "read:invoices", ttl = "1m", uses = 2)]
    async fn count_some(customer: String, stripe: Nonce) -> Result<usize, ToolError> {
        let counted = in_pages(&stripe, &customer).await;
        Ok(counted.map_err(|error| ToolError::visible(error.to_string()))?.len())
    }

    #[tokio::test]
    async fn every_tool_works_through_issuer_broker_and_sandbox() {
        let embedded = Embedded::start(None, 1_800_000_000).await.unwrap();
        let task = task(&embedded).await;
        let call = async |tool: &str, arguments| {
            task.call(tool, arguments).await.into_result().unwrap_or_else(|e| panic!("{tool}: {e}"))
        };
        let found = call("find_customers", json!({"email": "kestrel.pine@example.com"})).await;
        let customer = &found[0]["id"];
        assert_eq!(call("find_customers", json!({"name": "Kestrel & Pine"})).await, found);
        assert_eq!(call("find_customers", json!({"id": customer})).await, found);
        assert_eq!(call("find_customers", json!({})).await.as_array().unwrap().len(), 10);
        let open = json!({"customer": customer, "status": "open"});
        assert_eq!(call("list_invoices", open).await.as_array().unwrap().len(), 127);
        let owed = call("sum_owed", json!({"customer": customer})).await;
        assert_eq!(owed, json!([{"currency": "usd", "amount": 4_035_345, "invoices": 127}]));
        let charges = call("list_charges", json!({"customer": customer})).await;
        let charge = json!({"charge": charges[0]["id"]});
        assert_eq!(call("find_charge", charge.clone()).await, charges[0]);
        let refund = json!({"charge": charges[0]["id"], "amount": 1});
        assert_eq!(call("refund_charge", refund).await["amount"], 1);
        assert_eq!(call("find_charge", charge).await["amount_refunded"], 1);

        task.finish().await.unwrap();
        let trail = embedded.trail("task-1").unwrap();
        assert_eq!(trail.calls.len(), 10);
        assert!(trail.refusals.is_empty(), "{:?}", trail.refusals);
        assert_eq!(embedded.sandbox_requests(), Some(trail.upstream_requests()));
        assert_eq!(trail.upstream_requests(), 12);
        embedded.stop().await;
    }

    #[tokio::test]
    async fn three_pages_take_three_uses_of_one_nonce() {
        let embedded = Embedded::start(None, 1_800_000_000).await.unwrap();
        let find = task(&embedded).await;
        let kestrel = json!({"email": "kestrel.pine@example.com"});
        let found = find.call("find_customers", kestrel).await.into_result().unwrap();
        let customer = json!({"customer": found[0]["id"]});
        let agent = agent(&embedded, toolbox![CountAll, CountSome]);
        let task = agent.task("task-2").await.unwrap();
        let counted = task.call("count_all", customer.clone()).await.into_result();
        assert_eq!(counted.unwrap(), 127);
        let refused = task.call("count_some", customer).await.into_result().unwrap_err();
        assert_eq!(
            refused.message,
            "`count_some` made upstream request number 3 to `stripe`, its nonce allows 2; \
             say `uses = 3`"
        );
        let trail = embedded.trail("task-2").unwrap();
        let requests: Vec<_> = trail.calls.iter().map(|call| call.requests.len()).collect();
        assert_eq!(requests, [3, 2], "what is one too many is not sent");
        assert_eq!(trail.refusals, Vec::<String>::new());
        embedded.stop().await;
    }

    #[tokio::test]
    async fn a_task_for_one_tool_asks_the_issuer_for_nothing_else() {
        let embedded = Embedded::start(None, 1_800_000_000).await.unwrap();
        let agent = agent(&embedded, billing_tools());
        let task = agent.task("task-1").only_tools(["find_customers"]).await.unwrap();
        let refund = json!({"charge": "ch_1"});
        let refused = task.call("refund_charge", refund.clone()).await.into_result().unwrap_err();
        assert_eq!(refused.code, ModelErrorCode::UnknownTool);
        assert!(task.call("find_customers", json!({})).await.into_result().is_ok());
        let trail = embedded.trail("task-1").unwrap();
        let scopes: Vec<_> = trail.calls.iter().map(|call| call.scope.as_str()).collect();
        assert_eq!((scopes, trail.refusals.len()), (vec!["read:customers"], 0));

        // The control: a task with every tool has the same call's nonce minted.
        let whole = agent.task("task-2").await.unwrap();
        assert!(whole.call("refund_charge", refund).await.into_result().is_err(), "no such charge");
        let minted = embedded.trail("task-2").unwrap().calls;
        assert_eq!((minted.len(), minted[0].scope.as_str()), (1, "write:refunds"));
        embedded.stop().await;
    }

    #[test]
    fn the_policy_grants_what_the_tools_ask_for_and_no_more() {
        let policy: Table = POLICY.parse().unwrap();
        let grants = policy["agents"]["billing-agent"]["allow"].as_array().unwrap();
        let granted: BTreeSet<&str> = grants
            .iter()
            .flat_map(|grant| grant["scopes"].as_array().unwrap())
            .map(|scope| scope.as_str().unwrap())
            .collect();
        let tools = billing_tools();
        let asked: BTreeSet<&str> = tools
            .definitions()
            .flat_map(|tool| &tool.credentials)
            .map(|credential| credential.scope)
            .collect();
        let scopes = policy["services"]["stripe"]["scopes"].as_table().unwrap();
        assert_eq!(granted, asked);
        assert_eq!(scopes.keys().map(String::as_str).collect::<BTreeSet<_>>(), asked);
    }
}
