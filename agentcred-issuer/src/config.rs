//! The configuration: one TOML file, read and checked before anything starts.
//!
//! What is written is a `raw::RawConfig`; checking consumes it and gives a [`Config`] or
//! findings. Only a configuration without an error starts.
//!
//! ```toml
//! issuer = "https://vault.example/"     # optional; else the address that is listened on
//!
//! [server]
//! listen = "127.0.0.1:8420"             # loopback; port 0 takes a free one
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
//! [agents.billing-agent]
//! keys  = ["billing-agent.jwk"]         # public JWKs; made by `agentcred-issuer keygen`
//! allow = [{ service = "stripe", scopes = ["read:customers"], max_ttl = "5m", max_uses = 100 }]
//!
//! [services.stripe]
//! origin = "https://api.stripe.com"
//! secret = "env:STRIPE_KEY"             # or file:PATH
//! inject = { header = "authorization", format = "Bearer {secret}" }
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

mod agents;
mod bodies;
mod finding;
mod manifest;
mod operators;
mod raw;
mod services;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use url::{Host, Url};

use crate::operate::OperatorsConfig;
use crate::policy::Policy;
use crate::secrets::SecretStore;
use finding::{Findings, Key};
use raw::RawConfig;

pub use finding::{Finding, InvalidConfig, Severity};

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) issuer: Option<Url>,
    pub(crate) audit_file: PathBuf,
    pub(crate) max_outstanding: usize,
    pub(crate) operators: Option<OperatorsConfig>,
    pub(crate) policy: Policy,
    warnings: Vec<Finding>,
    /// What was read, for naming the line of what is found later.
    text: String,
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
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
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

    /// What is allowed but deserves a look.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// Asks for the real key of every service and says which cannot be had. A server does this
    /// when it starts; [`Self::parse`] does not, since a check may run where no key is.
    pub async fn check_secrets(&self, secrets: &dyn SecretStore) -> Vec<Finding> {
        let mut findings = Findings::in_text(&self.text);
        for service in self.policy.services() {
            let key = Key::root("services").field(service.name.as_str()).field("secret");
            match secrets.fetch(&service.secret).await {
                Ok(secret) => {
                    if service.inject.value(&secret).is_err() {
                        findings.error(&key, "cannot stand in the header that it goes into");
                    }
                }
                Err(error) => findings.error(&key, format!("cannot be used: {error}")),
            }
        }
        findings.into_inner()
    }
}

/// Checks everything, so that an operator sees all findings at once.
fn check(raw: RawConfig, folder: &Path, findings: &mut Findings) -> Option<Config> {
    let listen = check_listen(&raw.server.listen, findings);
    let issuer = raw.issuer.as_deref().map(|text| check_issuer(text, findings));
    if !(1..=MOST_OUTSTANDING).contains(&raw.tasks.max_outstanding) {
        findings.error(
            &Key::root("tasks").field("max_outstanding"),
            format!("must be 1 to {MOST_OUTSTANDING}"),
        );
    }
    if raw.audit.file.as_os_str().is_empty() {
        findings.error(&Key::root("audit").field("file"), "must name a file; no audit, no service");
    }
    let operators = raw.operators.map(|raw| operators::check(raw, folder, findings));
    let services = services::check(raw.services, folder, findings);
    let agents = agents::check(raw.agents, &services, folder, findings);
    Some(Config {
        listen: listen?,
        issuer: match issuer {
            None => None,
            Some(issuer) => Some(issuer?),
        },
        audit_file: folder.join(raw.audit.file),
        max_outstanding: raw.tasks.max_outstanding,
        operators: match operators {
            None => None,
            Some(operators) => Some(operators?),
        },
        policy: Policy::new(agents, services.sound),
        warnings: Vec::new(),
        text: String::new(),
    })
}

fn check_listen(text: &str, findings: &mut Findings) -> Option<SocketAddr> {
    let key = || Key::root("server").field("listen");
    let Ok(address) = text.parse::<SocketAddr>() else {
        findings.error(&key(), "must be an address and a port, as 127.0.0.1:8420");
        return None;
    };
    if !address.ip().is_loopback() {
        findings.error(
            &key(),
            "must be a loopback address: it listens without TLS; listen on 127.0.0.1 behind a \
             proxy that terminates TLS and name its URL in `issuer`",
        );
        return None;
    }
    Some(address)
}

/// The issuer's URL is what assertions and proofs are signed for, so it has one form.
fn check_issuer(text: &str, findings: &mut Findings) -> Option<Url> {
    let mut refuse = |message: &str| {
        findings.error(&Key::root("issuer"), message);
        None
    };
    let Ok(url) = Url::parse(text) else {
        return refuse("must be a URL, as https://vault.example/");
    };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
        return refuse("must be https: plain http is for loopback addresses only");
    }
    let has_more = url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some();
    if has_more {
        return refuse("must be scheme, host and port only");
    }
    Some(url)
}

const MOST_OUTSTANDING: usize = 1_000_000;

#[cfg(test)]
mod tests;
