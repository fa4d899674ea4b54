//! Checks resource servers: their keys, and that the services they accept nonces for exist.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use agentcred_protocol::names::AgentId;

use super::agents::check_keys;
use super::finding::{Findings, Key};
use super::raw::RawResourceServer;
use super::services::Services;
use crate::resource_server::{ResourceServer, ResourceServers};

pub(super) fn check(
    servers: BTreeMap<String, RawResourceServer>,
    services: &Services,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> ResourceServers {
    let mut owners = HashMap::new();
    let check_one = |(name, raw): (String, RawResourceServer)| {
        let at = Key::root("resource_servers").field(&name);
        // It is a client of the issuer as an agent is, so its name follows the same rule.
        if let Err(error) = AgentId::new(name.as_str()) {
            findings.error(&at, format!("is no resource server: {error}"));
        }
        if raw.keys.is_empty() {
            findings
                .error(&at.field("keys"), "is empty: without a key it cannot be told from others");
        }
        let keys = check_keys(&name, raw.keys, &at.field("keys"), folder, &mut owners, findings);
        if raw.services.is_empty() {
            findings.error(&at.field("services"), "is empty: it could ask about nothing");
        }
        let mut known = BTreeSet::new();
        for (position, service) in raw.services.iter().enumerate() {
            match services.sound.get(service.as_str()) {
                Some(service) => drop(known.insert(service.name.clone())),
                None if services.broken.contains(service) => {}
                None => findings.error(
                    &at.field("services").item(position),
                    "names no service of this configuration",
                ),
            }
        }
        ResourceServer { name, keys, services: known }
    };
    servers.into_iter().map(check_one).collect()
}
