//! The door: which requests a browser may have been tricked into, and which were not.
//!
//! A page of another origin can make an operator's browser send requests here, and by rebinding
//! its own name to this address it can even read the answers. So the `Host` must be this
//! listener's own, and what changes anything must come from this listener's own page.

use http::{HeaderMap, Method, header};

use super::{Client, Operator, OperatorsAt};
use crate::proven::only;

/// The names under which this listener is reached.
#[derive(Debug)]
pub(super) struct Door {
    hosts: Vec<String>,
}

impl Door {
    pub(super) fn of(at: &OperatorsAt) -> Self {
        let hosts = match at {
            OperatorsAt::Address(address) => {
                vec![address.to_string(), format!("localhost:{}", address.port())]
            }
            OperatorsAt::Socket(_) => vec!["localhost".to_owned()],
        };
        Self { hosts }
    }

    /// Whether a request was meant for this listener.
    pub(super) fn is_host(&self, headers: &HeaderMap) -> bool {
        let host = only(headers, header::HOST.as_str()).and_then(|host| host.to_str().ok());
        host.is_some_and(|host| self.hosts.iter().any(|own| own == host))
    }

    /// Whether a request came from a program or this listener's own page, and no other origin's
    /// page had a browser send it.
    pub(super) fn is_own_request(
        &self,
        operator: &Operator,
        method: &Method,
        headers: &HeaderMap,
    ) -> bool {
        let value = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or_default());
        // Every browser of today says this of a request that it makes for another site.
        if value("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            return false;
        }
        match value(header::ORIGIN.as_str()) {
            Some(origin) => origin
                .strip_prefix("http://")
                .is_some_and(|host| self.hosts.iter().any(|own| own == host)),
            None => operator.client == Client::Program || method == Method::GET,
        }
    }
}
