//! Resource servers: internal services that accept nonces themselves, and may ask about theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agentcred_protocol::key::VerifyingKey;
use agentcred_protocol::names::ServiceName;

/// Who may ask about nonces, and about which.
#[derive(Debug)]
pub(crate) struct ResourceServer {
    pub(crate) name: String,
    pub(crate) keys: Vec<VerifyingKey>,
    pub(crate) services: BTreeSet<ServiceName>,
}

/// All of them, by name.
#[derive(Debug, Default)]
pub(crate) struct ResourceServers(BTreeMap<String, Arc<ResourceServer>>);

impl ResourceServers {
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<ResourceServer>> {
        self.0.get(name)
    }
}

impl FromIterator<ResourceServer> for ResourceServers {
    fn from_iter<I: IntoIterator<Item = ResourceServer>>(servers: I) -> Self {
        Self(servers.into_iter().map(|server| (server.name.clone(), Arc::new(server))).collect())
    }
}
