//! Checks the agents' listener: its address, its TLS, and how many may connect.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use rustls::SupportedProtocolVersion;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use url::{Host, Url};

use super::finding::{Findings, Key};
use super::raw::{RawServer, RawTls};
use crate::tls::TlsFiles;

/// Where agents connect, and how.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<TlsFiles>,
    /// Connections at a time, in all and from one peer, where they are written.
    pub(crate) most: Option<usize>,
    pub(crate) most_per_peer: Option<usize>,
    /// Whether agents may prove themselves with a shared secret.
    pub(crate) development: bool,
}

/// Checks the listener. An issuer of `None` is one that is refused already.
pub(super) fn check(
    raw: RawServer,
    issuer: Option<&Option<Url>>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<Listener> {
    let at = Key::root("server");
    for (name, most) in [
        ("max_connections", raw.max_connections),
        ("max_connections_per_peer", raw.max_connections_per_peer),
    ] {
        if most.is_some_and(|most| !(1..=MOST_CONNECTIONS).contains(&most)) {
            findings.error(&at.field(name), format!("must be 1 to {MOST_CONNECTIONS}"));
        }
    }
    let address = check_address(&raw.listen, raw.tls.is_some(), findings);
    if raw.development {
        check_development(address, issuer, findings);
    }
    let development = raw.development;
    let tls = match raw.tls {
        None => None,
        Some(raw) => Some(check_tls(raw, address?, issuer?.as_ref(), folder, findings)?),
    };
    let (most, most_per_peer) = (raw.max_connections, raw.max_connections_per_peer);
    Some(Listener { address: address?, tls, most, most_per_peer, development })
}

/// A secret that is sent along can be taken by whoever reads it once, so it never leaves the machine.
fn check_development(
    address: Option<SocketAddr>,
    issuer: Option<&Option<Url>>,
    findings: &mut Findings<'_>,
) {
    let at = Key::root("server").field("development");
    let is_far = |url: &Url| !url.host().is_some_and(|host| is_loopback(&host));
    let listens_far = address.is_some_and(|address| !address.ip().is_loopback());
    if listens_far || issuer.and_then(Option::as_ref).is_some_and(is_far) {
        findings.error(
            &at,
            "is for one machine alone: listen on 127.0.0.1 and let `issuer` name it, or take this out",
        );
    }
    findings.warning(
        &at,
        "lets agents prove themselves with a shared secret; never have it where there are real keys",
    );
}

fn check_address(text: &str, has_tls: bool, findings: &mut Findings<'_>) -> Option<SocketAddr> {
    let key = || Key::root("server").field("listen");
    let Ok(address) = text.parse::<SocketAddr>() else {
        findings.error(&key(), "must be an address and a port, as 127.0.0.1:8420");
        return None;
    };
    if !has_tls && !address.ip().is_loopback() {
        findings.error(
            &key(),
            "must be a loopback address: it listens without TLS; give it `tls`, or listen on \
             127.0.0.1 behind a proxy that terminates TLS and name its URL in `issuer`",
        );
        return None;
    }
    Some(address)
}

/// Checks the files. None when there is a finding.
fn check_tls(
    raw: RawTls,
    listen: SocketAddr,
    issuer: Option<&Url>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<TlsFiles> {
    let at = Key::root("server").field("tls");
    let versions = check_version(raw.min_version.as_deref(), &at, findings);
    let name = check_name(listen, issuer, findings);
    let files = TlsFiles {
        certificate: folder.join(raw.certificate),
        key: folder.join(raw.key),
        client_ca: raw.client_ca.map(|path| folder.join(path)),
        versions: versions?,
        name: name?,
    };
    match files.check() {
        Ok(checked) => {
            if checked.expires_soon {
                findings.warning(&at.field("certificate"), "expires within two weeks; renew it");
            }
            Some(files)
        }
        Err(error) => {
            findings.error(&at.field(error.field), error.message);
            None
        }
    }
}

fn check_version(
    text: Option<&str>,
    at: &Key,
    findings: &mut Findings<'_>,
) -> Option<&'static [&'static SupportedProtocolVersion]> {
    match text {
        None | Some("1.3") => Some(ONLY_13),
        Some("1.2") => Some(FROM_12),
        Some(_) => {
            findings.error(&at.field("min_version"), "must be \"1.3\" or \"1.2\"");
            None
        }
    }
}

/// The name that agents find in the issuer's URL.
fn check_name(
    listen: SocketAddr,
    issuer: Option<&Url>,
    findings: &mut Findings<'_>,
) -> Option<ServerName<'static>> {
    let Some(issuer) = issuer else {
        if listen.ip().is_unspecified() {
            findings.error(
                &Key::root("server").field("listen"),
                format!("is no address that agents could call: {}; name `issuer`", listen.ip()),
            );
            return None;
        }
        return Some(ServerName::from(listen.ip()));
    };
    if issuer.scheme() != "https" {
        findings.error(&Key::root("issuer"), "must be https: the server has TLS");
        return None;
    }
    match issuer.host()? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(address) => Some(ServerName::from(IpAddr::V4(address))),
        Host::Ipv6(address) => Some(ServerName::from(IpAddr::V6(address))),
    }
}

/// The issuer's URL is what assertions and proofs are signed for, so it has one form.
pub(super) fn check_issuer(text: &str, findings: &mut Findings<'_>) -> Option<Url> {
    let mut refuse = |message: &str| {
        findings.error(&Key::root("issuer"), message);
        None
    };
    let Ok(url) = Url::parse(text) else {
        return refuse("must be a URL, as https://vault.example/");
    };
    let is_near = url.host().is_some_and(|host| is_loopback(&host));
    if url.scheme() != "https" && !(url.scheme() == "http" && is_near) {
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

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

const ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];
const FROM_12: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const MOST_CONNECTIONS: usize = 1_000_000;
