//! Checks agents: their keys, and that all they are granted exists.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use agentcred_protocol::key::VerifyingKey;
use agentcred_protocol::names::{AgentId, ServiceName};
use agentcred_protocol::scope::ScopeToken;
use agentcred_protocol::ttl::{Ttl, Uses};

use super::finding::{Findings, Key};
use super::raw::{RawAgent, RawGrant, RawHours};
use super::services::Services;
use super::users::UserIssuers;
use super::workloads::AssertionIssuers;
use crate::hours::Hours;
use crate::policy::{Agent, Bounds};
use crate::rates::Rate;
use crate::secrets::SecretRef;

/// What grants may name.
pub(super) struct Known<'a> {
    pub(super) services: &'a Services,
    pub(super) user_issuers: &'a UserIssuers,
    pub(super) assertion_issuers: &'a AssertionIssuers,
    pub(super) has_operators: bool,
    /// Whether agents may have a secret.
    pub(super) development: bool,
}

pub(super) fn check(
    agents: BTreeMap<String, RawAgent>,
    known: &Known<'_>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> BTreeMap<AgentId, Agent> {
    let mut checked = BTreeMap::new();
    let (mut owners, mut subject_owners) = (HashMap::new(), HashMap::new());
    if agents.is_empty() {
        findings.warning(&Key::root("agents"), "is empty: nobody is granted anything");
    }
    for (name, raw) in agents {
        let at = Key::root("agents").field(&name);
        if raw.keys.is_empty() && raw.subjects.is_empty() && raw.secret.is_none() {
            findings.error(
                &at.field("keys"),
                "is empty: without a key or `subjects` the agent cannot be told from others",
            );
        }
        let keys = check_keys(&name, raw.keys, &at.field("keys"), folder, &mut owners, findings);
        let subjects = known.assertion_issuers.check_subjects(
            &name,
            raw.subjects,
            &at.field("subjects"),
            &mut subject_owners,
            findings,
        );
        let secret = raw.secret.and_then(|text| {
            check_secret(&text, &at.field("secret"), known.development, folder, findings)
        });
        let rate = check_rate(raw.rate.as_deref(), raw.burst, &at, findings);
        let grants = check_grants(raw.allow, &at.field("allow"), known, findings);
        match AgentId::new(name) {
            Ok(id) => drop(checked.insert(id, Agent { keys, subjects, secret, rate, grants })),
            Err(error) => findings.error(&at, format!("is no agent: {error}")),
        }
    }
    checked
}

pub(super) fn check_keys(
    agent: &str,
    files: Vec<PathBuf>,
    at: &Key,
    folder: &Path,
    owners: &mut HashMap<String, String>,
    findings: &mut Findings<'_>,
) -> Vec<VerifyingKey> {
    if files.len() > MOST_KEYS {
        findings
            .error(at, format!("holds more than {MOST_KEYS} keys; take out those that are over"));
        return Vec::new();
    }
    let mut keys = Vec::new();
    for (position, file) in files.into_iter().enumerate() {
        let at = at.item(position);
        let path = folder.join(file);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                findings.error(&at, format!("{} cannot be read: {error}", path.display()));
                continue;
            }
        };
        let key = match VerifyingKey::read(&text) {
            Ok(key) => key,
            Err(error) => {
                findings.error(&at, format!("{} is refused: {error}", path.display()));
                continue;
            }
        };
        let thumbprint = key.thumbprint().as_str().to_owned();
        if let Some(owner) = owners.insert(thumbprint, agent.to_owned()) {
            findings.error(
                &at,
                format!("is a key that {owner} has already; a key names one agent, once"),
            );
            continue;
        }
        keys.push(key);
    }
    keys
}

fn check_secret(
    text: &str,
    at: &Key,
    development: bool,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<SecretRef> {
    if !development {
        findings.error(
            at,
            "is for development alone; give the agent `keys`, or set development = true in [server]",
        );
    }
    SecretRef::read(text, folder).map_err(|message| findings.error(at, message)).ok()
}

pub(super) fn check_rate(
    rate: Option<&str>,
    burst: Option<u32>,
    at: &Key,
    findings: &mut Findings<'_>,
) -> Option<Rate> {
    let bounded = burst.map(NonZeroU32::new);
    if bounded == Some(None) {
        findings.error(&at.field("burst"), "must be 1 or more");
    }
    if burst.is_some() && rate.is_none() {
        findings.error(&at.field("burst"), "needs a rate beside it, as rate = \"60/m\"");
    }
    match Rate::read(rate?, bounded.flatten()) {
        Ok(rate) => Some(rate),
        Err(error) => {
            findings.error(&at.field("rate"), error.to_string());
            None
        }
    }
}

fn check_grants(
    grants: Vec<RawGrant>,
    at: &Key,
    known: &Known<'_>,
    findings: &mut Findings<'_>,
) -> HashMap<(ServiceName, ScopeToken), Bounds> {
    let services = known.services;
    let mut checked = HashMap::new();
    if grants.is_empty() {
        findings.warning(at, "is empty: the agent is granted nothing");
    }
    for (position, raw) in grants.into_iter().enumerate() {
        let at = at.item(position);
        let bounds = check_bounds(&raw, &at, known, findings);
        if services.broken.contains(&raw.service) {
            continue;
        }
        let Some(service) = services.sound.get(raw.service.as_str()) else {
            let services = list(&services.sound);
            findings.error(&at.field("service"), format!("names no service of {services}"));
            continue;
        };
        if raw.scopes.is_empty() {
            findings.warning(&at.field("scopes"), "is empty: nothing is granted");
        }
        for (position, token) in raw.scopes.into_iter().enumerate() {
            let at = at.field("scopes").item(position);
            let token = ScopeToken::new(token).ok().filter(|it| service.scopes.contains_key(it));
            let (Some(token), Some(bounds)) = (token, bounds.clone()) else {
                if bounds.is_some() {
                    let scopes = list(&service.scopes);
                    findings.error(&at, format!("names no scope of {}: {scopes}", service.name));
                }
                continue;
            };
            if checked.insert((service.name.clone(), token), bounds).is_some() {
                findings.error(&at, "is granted twice; which bounds hold would be unclear");
            }
        }
    }
    checked
}

fn check_bounds(
    raw: &RawGrant,
    at: &Key,
    known: &Known<'_>,
    findings: &mut Findings<'_>,
) -> Option<Bounds> {
    let needs_approval = match raw.approval.as_deref() {
        None => false,
        Some("human") if known.has_operators => true,
        Some("human") => {
            let message = "needs somebody who can approve; add [operators]";
            findings.error(&at.field("approval"), message);
            true
        }
        Some(_) => {
            findings.error(&at.field("approval"), "must be \"human\", or not be there");
            true
        }
    };
    let ttl = raw.max_ttl.as_deref().unwrap_or(DEFAULT_MAX_TTL).parse::<Ttl>();
    if let Err(error) = ttl {
        findings.error(&at.field("max_ttl"), error.to_string());
    }
    let uses = Uses::try_from(raw.max_uses.unwrap_or(DEFAULT_MAX_USES));
    if let Err(error) = uses {
        findings.error(&at.field("max_uses"), error.to_string());
    }
    let users = known.user_issuers.check_users(raw.users.clone(), &at.field("users"), findings);
    let hours = match raw.hours.as_ref().map(|raw| check_hours(raw, &at.field("hours"), findings)) {
        None => Some(None),
        Some(hours) => hours.map(Some),
    };
    Some(Bounds { max_ttl: ttl.ok()?, max_uses: uses.ok()?, needs_approval, users, hours: hours? })
}

fn check_hours(raw: &RawHours, at: &Key, findings: &mut Findings<'_>) -> Option<Hours> {
    Hours::read(raw.days.as_deref(), &raw.from, &raw.to, raw.zone.as_deref())
        .map_err(|wrong| findings.error(&at.field(wrong.field), wrong.to_string()))
        .ok()
}

fn list<K: ToString, V>(names: &BTreeMap<K, V>) -> String {
    match names.len() {
        0 => "this configuration, which has none".to_owned(),
        _ => names.keys().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// Each is tried on an assertion, so there must not be many. A rotation needs two.
const MOST_KEYS: usize = 8;
const DEFAULT_MAX_TTL: &str = "5m";
const DEFAULT_MAX_USES: u32 = 100;
