//! Checks services: origin, secret source, injection, trust and the rules of every scope.

mod bounds;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use agentcred_protocol::names::ServiceName;
use agentcred_protocol::scope::ScopeToken;
use http::header::{self, HeaderName};
use ipnet::IpNet;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::Host;

use self::bounds::check_bounds;
use super::bodies::{check_body, check_fields};
use super::finding::{Findings, Key};
use super::injections;
use super::raw::{RawRule, RawService};
use crate::inject::Injections;
use crate::method_override::is_override_header;
use crate::network::Networks;
use crate::rules::Rule;
use crate::service::{Destination, Origin, Reach, Service, Transport, is_framing};

pub(super) fn check(
    services: BTreeMap<String, RawService>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Services {
    let mut checked = Services::default();
    for (name, raw) in services {
        let at = Key::root("services").field(&name);
        match check_service(name.clone(), raw, &at, folder, findings) {
            Some(service) => drop(checked.sound.insert(service.name.clone(), Arc::new(service))),
            None => drop(checked.broken.insert(name)),
        }
    }
    checked
}

/// What was found of services.
#[derive(Default)]
pub(super) struct Services {
    pub(super) sound: BTreeMap<ServiceName, Arc<Service>>,
    /// The names of those that have a finding already, so that a grant of one gets none too.
    pub(super) broken: BTreeSet<String>,
}

fn check_service(
    name: String,
    raw: RawService,
    at: &Key,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<Service> {
    let name = ServiceName::new(name)
        .map_err(|error| findings.error(at, format!("is no service: {error}")))
        .ok();
    let origin = Origin::read(&raw.origin)
        .map_err(|message| findings.error(&at.field("origin"), message))
        .ok();
    let networks = check_networks(&raw.allow_networks, &at.field("allow_networks"), findings);
    if let Some(origin) = &origin {
        check_address(origin, &networks, &at.field("origin"), findings);
    }
    let trust = raw.ca_file.map(|file| folder.join(file));
    let ground = Ground { at, folder, trust: trust.as_deref(), networks: &networks };
    let inject = injections::check(raw.secret.as_deref(), &raw.inject, &ground, findings);
    let is_tls = origin.as_ref().is_some_and(|origin| origin.is_tls);
    if trust.is_some() && !is_tls && !inject.as_ref().is_some_and(Injections::use_tls) {
        findings.error(&at.field("ca_file"), "is of no use: the origin is plain http");
    }
    let transport = origin.as_ref().and_then(|origin| ground.transport(origin, "origin", findings));
    let request_headers =
        check_headers(&raw.request_headers, &at.field("request_headers"), findings);
    if let Some(inject) = &inject {
        injections::check_headers(inject, &request_headers, at, findings);
        injections::check_rules(inject, &raw.scopes, at, findings);
    }
    let response_headers =
        check_headers(&raw.response_headers, &at.field("response_headers"), findings);
    let is_signed = inject.as_ref().is_some_and(Injections::sign);
    let scopes = check_scopes(raw.scopes, is_signed, at, findings);
    Some(Service {
        name: name?,
        destination: Destination { origin: origin?, networks, transport: transport? },
        inject: inject?,
        scopes,
        request_headers,
        response_headers,
        pool: Arc::default(),
        breaker: Arc::default(),
    })
}

pub(super) fn check_networks(texts: &[String], at: &Key, findings: &mut Findings<'_>) -> Networks {
    let mut networks = Vec::new();
    for (position, text) in texts.iter().enumerate() {
        match text.parse::<IpNet>() {
            Ok(network) if network.prefix_len() == 0 => findings.error(
                &at.item(position),
                "allows every address, metadata services too; name the network that is meant",
            ),
            Ok(network) if network.trunc() != network => findings.error(
                &at.item(position),
                format!("has bits beyond its prefix; write {}", network.trunc()),
            ),
            Ok(network) => networks.push(network),
            Err(_) => findings.error(&at.item(position), "must be a network, as 10.1.0.0/16"),
        }
    }
    Networks::new(networks)
}

/// An address in the origin itself is known now, so a refusal at dial time need not wait.
pub(super) fn check_address(
    origin: &Origin,
    networks: &Networks,
    at: &Key,
    findings: &mut Findings<'_>,
) {
    let address = match origin.host {
        Host::Ipv4(address) => address.into(),
        Host::Ipv6(address) => address.into(),
        Host::Domain(_) => return,
    };
    if !networks.permit(address) {
        findings.error(
            at,
            format!(
                "is not a public address; if it is meant, say so: allow_networks = [\"{}\"]",
                IpNet::from(address)
            ),
        );
    }
}

/// What the addresses of one service are checked against.
pub(super) struct Ground<'g> {
    pub(super) at: &'g Key,
    pub(super) folder: &'g Path,
    pub(super) trust: Option<&'g Path>,
    pub(super) networks: &'g Networks,
}

impl Ground<'_> {
    /// How the certificate of an origin is verified, when it has TLS.
    pub(super) fn transport(
        &self,
        origin: &Origin,
        named_by: &str,
        findings: &mut Findings<'_>,
    ) -> Option<Transport> {
        if !origin.is_tls {
            return Some(Transport::Plain(Reach::Loopback));
        }
        let at = self.at.field(if self.trust.is_some() { "ca_file" } else { named_by });
        read_trust(self.trust).map_err(|message| findings.error(&at, message)).ok()
    }
}

/// Trusts the certificates of a file, or what the machine trusts.
pub(super) fn read_trust(ca_file: Option<&Path>) -> Result<Transport, String> {
    let no_trust = |error: rustls::Error| format!("has no trust store: {error}");
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(no_trust)?;
    let builder = match ca_file {
        None => builder.with_platform_verifier().map_err(no_trust)?,
        Some(file) => builder.with_root_certificates(read_roots(file)?),
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Transport::Tls(Arc::new(config)))
}

fn read_roots(path: &Path) -> Result<RootCertStore, String> {
    let unreadable = |error: &dyn std::fmt::Display| {
        format!("{} cannot be read as PEM certificates: {error}", path.display())
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() {
        Err(format!("{} holds no certificate", path.display()))
    } else {
        Ok(roots)
    }
}

fn check_headers(names: &[String], at: &Key, findings: &mut Findings<'_>) -> Vec<HeaderName> {
    let mut checked = Vec::new();
    for (position, name) in names.iter().enumerate() {
        match HeaderName::try_from(name.as_str()) {
            Ok(name) if is_framing(&name) || is_risky(&name) => findings.error(
                &at.item(position),
                "must not be passed: it frames, routes or authenticates the message or changes \
                 its method",
            ),
            Ok(name) => checked.push(name),
            Err(_) => findings.error(&at.item(position), "must be the name of an HTTP header"),
        }
    }
    checked
}

/// Headers that no policy may pass through: what authenticates, what is kept between
/// requests, and what makes a server see another method, path or client.
fn is_risky(name: &HeaderName) -> bool {
    const RISKY: [HeaderName; 8] = [
        header::AUTHORIZATION,
        header::COOKIE,
        header::SET_COOKIE,
        header::WWW_AUTHENTICATE,
        header::LOCATION,
        header::FORWARDED,
        header::CONTENT_ENCODING,
        HeaderName::from_static("dpop"),
    ];
    let name_starts_with =
        |prefixes: &[&str]| prefixes.iter().any(|prefix| name.as_str().starts_with(prefix));
    RISKY.contains(name)
        || is_override_header(name)
        || name_starts_with(&["agentcred-", "x-forwarded-", "x-original-", "x-rewrite-"])
}

fn check_scopes(
    scopes: BTreeMap<String, Vec<RawRule>>,
    is_signed: bool,
    at: &Key,
    findings: &mut Findings<'_>,
) -> BTreeMap<ScopeToken, Vec<Rule>> {
    let mut checked = BTreeMap::new();
    if scopes.is_empty() {
        findings.warning(at, "has no scopes: no request to it is ever allowed");
    }
    for (token, raw) in scopes {
        let at = at.field("scopes").field(&token);
        if raw.is_empty() {
            findings.warning(&at, "has no rules: it allows nothing");
        }
        let rules = check_rules(&raw, is_signed, &at, findings);
        match ScopeToken::new(token) {
            Ok(token) => drop(checked.insert(token, rules)),
            Err(error) => findings.error(&at, format!("is no scope: {error}")),
        }
    }
    checked
}

fn check_rules(
    raw: &[RawRule],
    is_signed: bool,
    at: &Key,
    findings: &mut Findings<'_>,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (position, rule) in raw.iter().enumerate() {
        let at = at.item(position);
        let body = match &rule.body {
            None => None,
            Some(fields) => match check_body(fields, &at.field("body"), findings) {
                Some(body) => Some(body),
                None => continue,
            },
        };
        let fields = match &rule.fields {
            None => None,
            Some(paths) => match check_fields(paths, &at.field("fields"), findings) {
                Some(fields) => Some(fields),
                None => continue,
            },
        };
        let bounds = check_bounds(rule, is_signed, &at, findings);
        let checked = Rule::new(&rule.method, &rule.path, &rule.query, &rule.query_lists, body);
        match checked.map(|rule| rule.with_fields(fields).with_bounds(bounds)) {
            Ok(rule) if rules.contains(&rule) => findings.error(&at, "stands here twice"),
            Ok(rule) if rules.iter().any(|it| opens(it, &rule) || opens(&rule, it)) => {
                findings.error(
                    &at,
                    "is for the same method and path as a rule without `body`, which lets every \
                     body pass; give both a `body`, or take one of them out",
                );
            }
            Ok(rule)
                if rules.iter().any(|it| {
                    it.is_beside(&rule) && it.fields().is_some() != rule.fields().is_some()
                }) =>
            {
                findings.error(
                    &at,
                    "is for the same method and path as a rule whose `fields` let less back; give \
                     both `fields`, or take one of them out",
                );
            }
            Ok(rule) => rules.push(rule),
            Err(invalid) => findings.error(&at.field(invalid.key), invalid.message),
        }
    }
    rules
}

/// Whether one rule lets pass what the other one keeps out.
fn opens(one: &Rule, other: &Rule) -> bool {
    one.is_beside(other) && !one.limits_body() && other.limits_body()
}
