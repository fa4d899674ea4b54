//! Checks `[user_issuers]`: whose tokens are believed on who a user is.

use std::collections::BTreeMap;
use std::path::Path;

use agentcred_protocol::names::UserId;
use agentcred_protocol::user::UserIssuer;

use super::finding::{Findings, Key};
use super::key_sets::{self, Written};
use super::raw::RawUserIssuer;
use crate::users::{ForUsers, TrustedIssuer, TrustedIssuers, UserPattern};

/// What is known of users' issuers while the rest is checked.
pub(super) struct UserIssuers {
    pub(super) trusted: TrustedIssuers,
    names: Vec<String>,
}

pub(super) fn check(
    issuers: BTreeMap<String, RawUserIssuer>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> UserIssuers {
    let mut trusted = Vec::new();
    let names: Vec<_> = issuers.keys().cloned().collect();
    let mut known: BTreeMap<(String, String), String> = BTreeMap::new();
    for (name, raw) in issuers {
        let at = Key::root("user_issuers").field(&name);
        if UserId::new(format!("{name}:x")).is_err() {
            findings.error(
                &at,
                "must be called by a lower-case letter and then at most 63 of a-z, 0-9 and -",
            );
        }
        if raw.issuer.is_empty() {
            findings.error(&at.field("issuer"), "is empty; say what `iss` is in its tokens");
        }
        if raw.audience.is_empty() {
            findings.error(
                &at.field("audience"),
                "is empty; a token for anybody would be good here, so say what `aud` must name",
            );
        }
        let says_so = (raw.issuer.clone(), raw.audience.clone());
        if let Some(other) = known.insert(says_so, name.clone()) {
            findings.error(
                &at,
                format!("has issuer and audience of {other}; a user would have two names"),
            );
        }
        let written = Written {
            file: raw.jwks_file.as_deref(),
            url: raw.jwks_url.as_deref(),
            networks: &raw.allow_networks,
            ca_file: raw.ca_file.as_deref(),
        };
        if let Some(keys) = key_sets::check(&written, &at, folder, findings) {
            let issuer = UserIssuer::new(raw.issuer, raw.audience);
            trusted.push(TrustedIssuer { name, issuer, keys });
        }
    }
    UserIssuers { trusted: TrustedIssuers::new(trusted), names }
}

impl UserIssuers {
    /// Checks the `users` of a grant.
    pub(super) fn check_users(
        &self,
        users: Option<Vec<String>>,
        at: &Key,
        findings: &mut Findings<'_>,
    ) -> ForUsers {
        let Some(users) = users else { return ForUsers::Anybody };
        if users.is_empty() {
            findings.warning(at, "is empty: nobody is granted it");
        }
        let mut patterns = std::collections::BTreeSet::new();
        for (position, text) in users.iter().enumerate() {
            let at = at.item(position);
            let Some(pattern) = UserPattern::read(text) else {
                findings.error(&at, "must be a user as corp:ada, all of an issuer as corp:*, or *");
                continue;
            };
            let is_known = pattern.issuer().map_or(!self.names.is_empty(), |issuer| {
                self.names.iter().any(|name| name == issuer)
            });
            if !is_known {
                findings.error(&at, format!("{pattern} is of no issuer in [user_issuers]"));
            }
            patterns.insert(pattern);
        }
        ForUsers::Only(patterns)
    }
}
