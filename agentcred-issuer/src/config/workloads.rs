//! Checks `[assertion_issuers]`: whose tokens are believed on who a workload is.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use agentcred_protocol::names::UserId;
use agentcred_protocol::workload::{InvalidWorkloadIssuer, WorkloadIssuer};

use super::finding::{Findings, Key};
use super::key_sets::{self, Written};
use super::raw::RawAssertionIssuer;
use crate::workloads::{Platform, Subject, TrustedPlatforms};

/// What is known of assertions' issuers while the rest is checked.
pub(super) struct AssertionIssuers {
    platforms: Vec<Platform>,
    /// The names of all, sound or not.
    names: Vec<String>,
}

pub(super) fn check(
    issuers: BTreeMap<String, RawAssertionIssuer>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> AssertionIssuers {
    let names: Vec<_> = issuers.keys().cloned().collect();
    let mut platforms = Vec::new();
    let mut known = BTreeMap::new();
    for (name, raw) in issuers {
        let at = Key::root("assertion_issuers").field(&name);
        if UserId::new(format!("{name}:x")).is_err() {
            findings.error(
                &at,
                "must be called by a lower-case letter and then at most 63 of a-z, 0-9 and -",
            );
        }
        if raw.issuer.as_ref().is_some_and(String::is_empty) {
            findings.error(&at.field("issuer"), "is empty; say what `iss` is in its tokens");
        }
        if raw.audience.is_empty() {
            findings.error(
                &at.field("audience"),
                "is empty; a token for anybody would be good here, so say what `aud` must be",
            );
        }
        let says_so = (raw.issuer.clone(), raw.trust_domain.clone(), raw.audience.clone());
        if let Some(other) = known.insert(says_so, name.clone()) {
            findings.error(&at, format!("is the same as {other}; a workload would have two names"));
        }
        let written = Written {
            file: raw.jwks_file.as_deref(),
            url: raw.jwks_url.as_deref(),
            networks: &raw.allow_networks,
            ca_file: raw.ca_file.as_deref(),
        };
        let keys = key_sets::check(&written, &at, folder, findings);
        let issuer = WorkloadIssuer::new(raw.issuer, raw.trust_domain, raw.audience);
        let issuer = issuer.map_err(|error| match error {
            InvalidWorkloadIssuer::TrustDomain => {
                findings.error(&at.field("trust_domain"), error.to_string());
            }
            _ => findings.error(&at, error.to_string()),
        });
        if let (Some(keys), Ok(issuer)) = (keys, issuer) {
            platforms.push(Platform { name, issuer, keys });
        }
    }
    AssertionIssuers { platforms, names }
}

impl AssertionIssuers {
    /// Checks the `subjects` of an agent. `owners` has those of other agents.
    pub(super) fn check_subjects(
        &self,
        agent: &str,
        subjects: Vec<String>,
        at: &Key,
        owners: &mut HashMap<Subject, String>,
        findings: &mut Findings<'_>,
    ) -> Vec<Subject> {
        let mut checked = Vec::new();
        for (position, text) in subjects.into_iter().enumerate() {
            let at = at.item(position);
            let Some((issuer, subject)) = text.split_once(':') else {
                findings.error(
                    &at,
                    "must be an issuer's name, a colon and a subject, as \
                     mesh:spiffe://corp.example/billing or \
                     cluster:system:serviceaccount:billing:agent",
                );
                continue;
            };
            if !self.names.iter().any(|name| name == issuer) {
                findings.error(&at, "is of no issuer in [assertion_issuers]");
                continue;
            }
            let platform = self.platforms.iter().find(|it| it.name == issuer);
            if platform.is_some_and(|it| !it.issuer.can_name(subject)) {
                findings.error(
                    &at,
                    format!(
                        "can be no subject of {issuer}: it must be one subject in full, without \
                         patterns, and in the trust domain if there is one"
                    ),
                );
                continue;
            }
            let subject = Subject::of(issuer, subject);
            if let Some(owner) = owners.insert(subject.clone(), agent.to_owned()) {
                findings.error(&at, format!("is {owner} already; a workload is one agent, once"));
                continue;
            }
            checked.push(subject);
        }
        checked
    }

    pub(super) fn into_trusted(self) -> TrustedPlatforms {
        TrustedPlatforms::new(self.platforms)
    }
}
