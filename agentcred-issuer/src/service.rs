//! A service: where its API is, how its key is put in, and what its scopes stand for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use agentcred_protocol::names::ServiceName;
use agentcred_protocol::scope::{Scope, ScopeToken};
use http::HeaderValue;
use http::header::{self, HeaderName};
use rustls::ClientConfig;
use url::{Host, Url};

use crate::broker::{Breaker, Pool};
use crate::inject::Injections;
use crate::network::Networks;
use crate::rules::{Method, Rule};
use crate::target::Target;

/// One credentialed API, checked.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: ServiceName,
    pub(crate) destination: Destination,
    pub(crate) inject: Injections,
    pub(crate) scopes: BTreeMap<ScopeToken, Vec<Rule>>,
    /// Request headers that are passed on beside the ones that always are.
    pub(crate) request_headers: Vec<HeaderName>,
    /// Response headers that are passed back beside the ones that always are.
    pub(crate) response_headers: Vec<HeaderName>,
    /// Connections that wait for the next request.
    pub(crate) pool: Arc<Pool>,
    /// Whether requests are held back from it for a while.
    pub(crate) breaker: Arc<Breaker>,
}

impl Service {
    /// The rules of the scope that allow the request but for its body. A scope token without
    /// rules, or one that the policy no longer knows, allows nothing.
    pub(crate) fn rules_for(&self, scope: &Scope, method: Method, target: &Target) -> Vec<&Rule> {
        scope
            .tokens()
            .filter_map(|token| self.scopes.get(token))
            .flatten()
            .filter(|rule| rule.allows(method, target))
            .collect()
    }
}

/// What is dialled, and under which conditions.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) origin: Origin,
    pub(crate) networks: Networks,
    pub(crate) transport: Transport,
}

/// How bytes get to a service.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    /// In the clear, and no further than that.
    Plain(Reach),
    /// By TLS, with what the upstream's certificate is verified by.
    Tls(Arc<ClientConfig>),
}

/// How far something goes that is not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Within this machine.
    Loopback,
    /// To the metadata service of the machine's own platform.
    LinkLocal,
}

/// Where a service is: fixed by the policy, never named by a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
    pub(crate) is_tls: bool,
}

impl Origin {
    /// Reads an origin: scheme, host and perhaps a port, and nothing else.
    ///
    /// # Errors
    /// With what is wrong and the way out. Plain HTTP is for loopback only.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "must be a URL, as https://api.stripe.com")?;
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err("must not hold a user name or password; name the key in `secret`");
        }
        if url.path() != "/" {
            return Err("must not hold a path; paths belong to the rules");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not hold a query or fragment");
        }
        let host = url.host().ok_or("must name a host")?.to_owned();
        let is_tls = match url.scheme() {
            "https" => true,
            "http" if is_loopback(&host) => false,
            "http" => return Err("must be https: plain http is for loopback addresses only"),
            _ => return Err("must be https"),
        };
        if matches!(&host, Host::Domain(name) if name.ends_with('.')) {
            return Err("must not end its host with a dot");
        }
        let port = url.port_or_known_default().ok_or("must have a port")?;
        Ok(Self { host, port, is_tls })
    }

    /// The value of `Host` (RFC 9110 section 7.2).
    pub(crate) fn host_header(&self) -> Result<HeaderValue, header::InvalidHeaderValue> {
        let default_port = if self.is_tls { 443 } else { 80 };
        if self.port == default_port {
            HeaderValue::from_str(&self.host.to_string())
        } else {
            HeaderValue::from_str(&format!("{}:{}", self.host, self.port))
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Headers that say how a message is framed, routed or encoded. They are this side's own on
/// every hop (RFC 9110 sections 7.6.1 and 7.2), whatever a policy says.
pub(crate) fn is_framing(name: &HeaderName) -> bool {
    const FRAMING: [HeaderName; 11] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::ACCEPT_ENCODING,
        header::EXPECT,
        header::HOST,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    FRAMING.contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = Origin::read("https://api.stripe.com").unwrap();
        assert_eq!((origin.port, origin.is_tls), (443, true));
        assert_eq!(origin.host_header().unwrap(), "api.stripe.com");
        let origin = Origin::read("http://[::1]:9000/").unwrap();
        assert_eq!(origin.host_header().unwrap(), "[::1]:9000");
    }

    #[test]
    fn origins_that_hold_more_or_less_are_refused() {
        for text in [
            "",
            "api.stripe.com",
            "ftp://api.stripe.com",
            "http://api.stripe.com",
            "http://10.0.0.1",
            "https://user:pw@api.stripe.com",
            "https://@api.stripe.com",
            "https://api.stripe.com/v1",
            "https://api.stripe.com/?a",
            "https://api.stripe.com/#a",
            "https://api.stripe.com.",
        ] {
            assert!(Origin::read(text).is_err(), "{text}");
        }
    }
}
