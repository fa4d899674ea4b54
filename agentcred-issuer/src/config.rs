//! The configuration: one TOML file, read and checked before anything starts.
//!
//! A running server takes over `agents`, `services` and `tasks` on SIGHUP or when an operator
//! says so (`POST /reload`); all else needs a restart.
//!
//! What is written is a `raw::RawConfig`; checking consumes it and gives a [`Config`] or
//! findings. Only a configuration without an error starts.
//!
//! ```toml
//! issuer = "https://vault.example/"     # optional; else the address that is listened on
//!
//! [server]
//! listen = "127.0.0.1:8420"             # loopback, unless there is TLS; port 0 takes a free one
//! replica = "a"                         # optional; names this issuer in its audit
//! tls = { certificate = "vault.pem", key = "vault.key", client_ca = "clients.pem" } # optional
//! max_connections = 4096                # when there are more, who has waited longest makes way
//! max_connections_per_peer = 512        # the same for one address
//! development = false                   # on loopback: agents may have a `secret` in place of keys
//!
//! [audit]
//! file = "audit.jsonl"                  # paths are relative to this file
//!
//! [tasks]
//! max_outstanding = 1000                # live nonces that one task may have
//!
//! [operators]                           # optional; without it there is no listener for them
//! listen = "127.0.0.1:8421"             # loopback; or socket = "operators.sock"
//! # Names and the hashes of their tokens, as `agentcred-issuer keygen --operator` prints them.
//! tokens = { ada = "sha-256:RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o" }
//!
//! [secrets]
//! cache   = "60s"                       # how long a real key is used before it is asked for again
//! overlap = "5m"                        # how long answers are searched for one that was replaced
//! stale   = "5m"                        # how long it is used after that if its store is down
//!
//! [assertion_issuers.mesh]              # whose tokens are believed on who a workload is
//! trust_domain = "corp.example"         # SPIFFE; or issuer = "..", `iss` of its tokens; or both
//! audience     = "https://vault.example" # what `aud` must be
//! jwks_url     = "https://oidc.corp.example/keys" # or jwks_file = "mesh.jwks"
//! allow_networks = []                   # private networks that the URL may be dialled in
//! ca_file      = "ca.pem"               # optional; else the machine's trust store
//!
//! [user_issuers.corp]                   # whose tokens are believed on who a user is
//! issuer    = "https://login.corp.example"  # `iss` of its tokens
//! audience  = "agentcred"               # what `aud` must name
//! jwks_file = "corp.jwks"               # or jwks_url, as above; read again on reload
//!
//! [approvals]                           # of grants with approval = "human"
//! ttl = "5m"                            # how long a human has for a decision
//! max_pending = 100                     # calls that may wait at a time
//! max_pending_per_task = 10
//!
//! [proofs]
//! server_nonce     = "required"         # or "off": RFC 9449 section 8
//! server_nonce_key = "file:nonce.key"   # optional; several issuers behind one URL share it
//!
//! [ledger]                              # optional; else the ledger is in memory
//! kind     = "postgres"                 # shared by several issuers
//! host     = "db.example"               # TLS; plain text on loopback and Unix sockets alone
//! database = "agentcred"
//! user     = "agentcred"
//! password = "file:db.password"         # optional, for servers that ask for none
//! key      = "file:ledger.key"          # the same for all issuers; 32 characters or more
//! ca_file  = "ca.pem"                   # optional; else the machine's trust store
//! connections = 8
//! timeout  = "2s"                       # of each statement
//!
//! [agents.billing-agent]
//! keys  = ["billing-agent.jwk"]         # public JWKs; made by `agentcred-issuer keygen`
//! subjects = ["mesh:spiffe://corp.example/billing"] # workloads that it runs as, instead or as well
//! rate  = "60/m"                        # optional; grants and nonces for each s, m or h
//! burst = 10                            # how many at once; all of one period if not given
//! allow = [{ service = "stripe", scopes = ["read:customers"], max_ttl = "5m", max_uses = 100 },
//!          { service = "stripe", scopes = ["write:refunds"], max_ttl = "1m", approval = "human" }]
//! # `users` holds it to tasks on behalf of these: "corp:ada", all as "corp:*", or any as "*".
//!
//! [resource_servers.reports]            # an internal service that accepts nonces itself
//! keys     = ["reports.jwk"]            # what it asks the issuer with
//! services = ["reports"]                # whose nonces it may introspect and consume
//!
//! [services.stripe]
//! origin = "https://api.stripe.com"
//! secret = "env:STRIPE_KEY"             # or file:, openbao:, aws-secretsmanager:
//! inject = { header = "authorization", format = "Bearer {secret}" }   # other ways stand below
//! allow_networks   = []                 # private networks that it may be dialled in
//! ca_file          = "ca.pem"           # optional; else the machine's trust store
//! request_headers  = ["stripe-version"] # passed on beside the usual ones
//! response_headers = []                 # passed back beside the usual ones
//!
//! [[services.stripe.scopes."read:customers"]]
//! method = "GET"
//! path   = "/v1/customers/{id}"
//! query  = ["limit", "starting_after", "email", "expand[]"]
//! query_lists = ["expand[]"]            # those that may stand more than once
//! # With `fields`, these fields of a JSON answer come back, with all that is in them, and no
//! # others: the fields of each item of a list behind [], [].id where the answer is a list. Of an
//! # error its status and a short code come back, and an answer that is no JSON is refused.
//! fields = ["id", "email", "address.city", "sources.data[].brand"]
//!
//! [[services.stripe.scopes."write:refunds"]]
//! method = "POST"
//! path   = "/v1/refunds"
//! # With `body`, a form or JSON object of these fields and of no others. Each must be there
//! # once, unless it is optional. Without `body`, every body passes.
//! [services.stripe.scopes."write:refunds".body]
//! charge   = {}                         # any one value
//! amount   = { min = 1, max = 5000 }    # a whole number in plain digits; min is 0 if not given
//! currency = { in = ["usd", "eur"] }    # one of these texts
//! reason   = { in = ["duplicate"], optional = true }
//! # What is nested has a path, the same for JSON and for forms, where it reads
//! # card[number]=1&items[0][price]=2. A limit holds for each item of a list by itself.
//! "card.number"   = {}
//! "items[].price" = { max = 5000 }
//! ```
//!
//! `inject` says where the key goes. It is one of these, or an array of several:
//!
//! ```toml
//! inject = { header = "x-api-key", format = "{secret}" }   # a header of any name
//! inject = { basic = "ada:{secret}" }     # basic credentials, the key for the password
//! inject = { basic = "{secret}:" }        # or for the user name
//! inject = { query = "api_key" }          # the query; servers log it, so `check` warns
//! # Signature Version 4. The key is ID:SECRET, or ID:SECRET:SESSION_TOKEN.
//! inject = { aws_sigv4 = { region = "eu-central-1", service = "s3" } }
//! # An access token that the broker gets with the key and renews in time (OAuth 2). Optional are
//! # `scope`, `audience` and `authentication`, which is "basic" or "form". `allow_networks` and
//! # `ca_file` hold for the token endpoint too.
//! inject = { client_credentials = { token_url = "https://login.example/token", client_id = "ac" } }
//! # With a `secret` of its own, an injection needs none of its service.
//! inject = [{ header = "x-app", format = "{secret}", secret = "env:APP" },
//!           { header = "x-key", format = "{secret}", secret = "env:KEY" }]
//! ```

mod agents;
mod audit;
mod bodies;
mod finding;
mod injections;
mod key_sets;
mod ledger;
mod manifest;
mod operators;
mod proofs;
mod raw;
mod references;
mod replica;
mod resource_servers;
mod secrets;
mod server;
mod services;
mod users;
mod workloads;

use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::approvals::ApprovalBounds;
use crate::operate::{OperatorsAt, OperatorsConfig};
use crate::policy::Policy;
use crate::secrets::{StoresConfig, Times};
pub(crate) use audit::AuditConfig;
use finding::Findings;
pub(crate) use proofs::ServerNoncePolicy;
use raw::RawConfig;

pub(crate) use finding::Key;
pub use finding::{Finding, InvalidConfig, Severity};
pub use ledger::{LedgerConfig, PostgresConfig};
pub(crate) use server::Listener;

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    pub(crate) server: Listener,
    pub(crate) issuer: Option<Url>,
    pub(crate) replica: Option<String>,
    pub(crate) audit: AuditConfig,
    pub(crate) ledger: LedgerConfig,
    pub(crate) operators: Option<OperatorsConfig>,
    pub(crate) secret_times: Times,
    pub(crate) stores: StoresConfig,
    pub(crate) approvals: ApprovalBounds,
    pub(crate) server_nonces: ServerNoncePolicy,
    pub(crate) policy: Policy,
    warnings: Vec<Finding>,
    /// What was read, for naming the line of what is found later.
    pub(crate) text: String,
    /// Where it was read from, if from a file.
    pub(crate) path: Option<PathBuf>,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// When it cannot be read or has an error; every finding is listed.
    pub fn load(path: &Path) -> Result<Self, InvalidConfig> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            InvalidConfig::one(format!("{} cannot be read: {error}", path.display()))
        })?;
        let config = Self::parse(&text, path.parent().unwrap_or(Path::new("")))?;
        Ok(Self { path: Some(path.to_owned()), ..config })
    }

    /// Checks a configuration given as text, with relative paths meant from `folder`.
    ///
    /// # Errors
    /// When it has an error; every finding is listed.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, InvalidConfig> {
        let raw: RawConfig =
            toml::from_str(text).map_err(|error| InvalidConfig::syntax(&error, text))?;
        let mut findings = Findings::in_text(text);
        let config = check(raw, folder, &mut findings);
        match (config, findings.into_inner()) {
            (Some(config), warnings) if warnings.iter().all(Finding::is_warning) => {
                Ok(Self { warnings, text: text.to_owned(), ..config })
            }
            (_, findings) => Err(InvalidConfig::new(findings)),
        }
    }

    /// Where operators find an issuer of this configuration.
    pub fn operators_at(&self) -> Option<&OperatorsAt> {
        self.operators.as_ref().map(|operators| &operators.at)
    }

    /// Where the ledger is.
    pub fn ledger(&self) -> &LedgerConfig {
        &self.ledger
    }

    /// What is allowed but deserves a look.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// SHA-256 of what was read.
    pub(crate) fn digest(&self) -> String {
        let digest = digest::digest(&digest::SHA256, self.text.as_bytes());
        format!("sha-256:{}", URL_SAFE_NO_PAD.encode(digest))
    }

    /// What differs from the text that a server runs by and needs a restart to change.
    pub(crate) fn beyond_policy(&self, before: &str) -> Vec<Finding> {
        let mut findings = Findings::in_text(&self.text);
        let read = |text: &str| text.parse::<toml::Table>().unwrap_or_default();
        let (before, now) = (read(before), read(&self.text));
        for name in before.keys().chain(now.keys().filter(|name| !before.contains_key(*name))) {
            if !RELOADED.contains(&name.as_str()) && before.get(name) != now.get(name) {
                findings.error(
                    &Key::root(name),
                    "changes with a restart only; all that grants is reloaded: agents, services, \
                     resource_servers, user_issuers, assertion_issuers and tasks",
                );
            }
        }
        findings.into_inner()
    }
}

/// Checks everything, so that an operator sees all findings at once.
fn check(raw: RawConfig, folder: &Path, findings: &mut Findings) -> Option<Config> {
    let replica = raw.server.replica.clone();
    let issuer = match raw.issuer.as_deref().map(|text| server::check_issuer(text, findings)) {
        None => Some(None),
        Some(issuer) => issuer.map(Some),
    };
    let development = raw.server.development;
    let server = server::check(raw.server, issuer.as_ref(), folder, findings);
    if !(1..=MOST_OUTSTANDING).contains(&raw.tasks.max_outstanding) {
        findings.error(
            &Key::root("tasks").field("max_outstanding"),
            format!("must be 1 to {MOST_OUTSTANDING}"),
        );
    }
    let tasks = Key::root("tasks");
    let task_rate =
        agents::check_rate(raw.tasks.rate.as_deref(), raw.tasks.burst, &tasks, findings);
    let audit = audit::check(&raw.audit, folder, findings);
    let operators = raw.operators.map(|raw| operators::check(raw, folder, findings));
    let secret_times = secrets::check_times(&raw.secrets, findings);
    let named = secrets::Named::of(&raw.secrets);
    let stores = secrets::check_stores(raw.secrets, folder, findings);
    let approvals = operators::check_approvals(&raw.approvals, findings);
    let server_nonces = proofs::check(raw.proofs, folder, findings);
    let ledger = ledger::check(raw.ledger, folder, findings);
    let is_shared = matches!(ledger, Some(LedgerConfig::Postgres(_)));
    ledger::check_neighbours(is_shared, replica.as_deref(), &server_nonces, findings);
    let services = services::check(raw.services, folder, findings);
    let resource_servers =
        resource_servers::check(raw.resource_servers, &services, folder, findings);
    let user_issuers = users::check(raw.user_issuers, folder, findings);
    let assertion_issuers = workloads::check(raw.assertion_issuers, folder, findings);
    let known = agents::Known {
        services: &services,
        user_issuers: &user_issuers,
        assertion_issuers: &assertion_issuers,
        has_operators: operators.is_some(),
        development,
    };
    let agents = agents::check(raw.agents, &known, folder, findings);
    let config = Config {
        server: server?,
        issuer: issuer?,
        replica,
        audit,
        ledger: ledger?,
        operators: match operators {
            None => None,
            Some(operators) => Some(operators?),
        },
        secret_times,
        stores,
        approvals: approvals?,
        server_nonces,
        policy: Policy::new(agents, services.sound, raw.tasks.max_outstanding)
            .with_task_rate(task_rate)
            .with_resource_servers(resource_servers)
            .with_user_issuers(user_issuers.trusted)
            .with_platforms(assertion_issuers.into_trusted()),
        warnings: Vec::new(),
        text: String::new(),
        path: None,
    };
    for (key, reference) in config.references() {
        named.check(reference, &key, findings);
    }
    Some(config)
}

/// What a running server takes over when it is told to.
const RELOADED: [&str; 6] =
    ["agents", "assertion_issuers", "resource_servers", "services", "tasks", "user_issuers"];
const MOST_OUTSTANDING: usize = 1_000_000;

#[cfg(test)]
mod tests;
