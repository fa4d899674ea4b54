//! Workloads: whose word is taken on them, and which agent each of them is.

use agentcred_protocol::assertion::Claimed;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::AssertionKind;
use agentcred_protocol::workload::WorkloadIssuer;

use crate::key_sets::{KeySource, NoKeys};
use crate::refused::Refused;
use crate::vault::Vault;

/// A workload: the name that the configuration has for whoever vouches for it, a colon, and the name
/// that it has there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Subject(String);

impl Subject {
    pub(crate) fn of(issuer: &str, subject: &str) -> Self {
        Self(format!("{issuer}:{subject}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Those whose tokens say who a workload is, by the names that the configuration gives them.
#[derive(Debug, Default)]
pub(crate) struct TrustedPlatforms(Vec<Platform>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) name: String,
    pub(crate) issuer: WorkloadIssuer,
    pub(crate) keys: KeySource,
}

impl TrustedPlatforms {
    pub(crate) fn new(platforms: Vec<Platform>) -> Self {
        Self(platforms)
    }

    /// Whether any of them signs JWT-SVIDs.
    pub(crate) fn has_spiffe(&self) -> bool {
        self.0.iter().any(|it| it.issuer.is_spiffe())
    }

    /// The workload that a token proves. Keys are looked for only when what the token says of itself,
    /// and nobody has proven yet, names a workload that `is_known`.
    pub(crate) async fn authenticate(
        &self,
        kind: AssertionKind,
        assertion: &str,
        claimed: &Claimed,
        is_known: impl Fn(&Subject) -> bool + Sync,
        vault: &Vault,
    ) -> Result<Subject, Refused> {
        let mut reason = "unknown_agent";
        let named = self.0.iter().filter(|it| it.issuer.is_named_by(claimed));
        for Platform { name, issuer, keys } in named {
            if kind == AssertionKind::Spiffe && !issuer.is_spiffe() {
                continue;
            }
            let subject = Subject::of(name, &claimed.sub);
            if !is_known(&subject) {
                continue;
            }
            let keys = match keys.keys_for(&|keys| keys.has_key_of(assertion), vault).await {
                Ok(keys) => keys,
                Err(NoKeys) => return Err(Refused::unavailable("assertion_issuer_has_no_keys")),
            };
            match issuer.verify(assertion, &keys, vault.now()) {
                Ok(proven) => return Ok(Subject::of(name, &proven.subject)),
                Err(_) => reason = "assertion_invalid",
            }
        }
        Err(Refused::new(RefusalCode::InvalidClient, reason))
    }
}
