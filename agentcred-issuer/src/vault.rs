//! What both flows work with: policy, ledger, audit, secrets, clock, and where all this is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use agentcred_protocol::clock::{Clock, UnixTime};
use agentcred_protocol::names::{ApprovalId, NameError, NonceId, ServiceName};
use agentcred_protocol::token::NoRandomness;
use arc_swap::ArcSwap;
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::approvals::Approvals;
use crate::audit::{AuditError, AuditLog, Event, Record};
use crate::call::Task;
use crate::inject::Keyring;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::rates::Rates;
use crate::refused::Refused;
use crate::reload::Source;
use crate::resolver::Resolver;
use crate::secrets::SecretStore;
use crate::server_nonce::ServerNonces;
use crate::strangers::{Dropped, Strangers};

pub(crate) struct Vault {
    /// What agents may do now. An operator may replace it.
    pub(crate) policy: ArcSwap<Policy>,
    pub(crate) source: Source,
    pub(crate) reloading: tokio::sync::Mutex<()>,
    /// Where the policy's secrets are looked for before it is taken.
    pub(crate) secrets: Arc<dyn SecretStore>,
    /// The name of this issuer, when there are several.
    pub(crate) replica: Option<String>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) audit: Arc<dyn AuditLog>,
    /// Whether the last record could not be written.
    pub(crate) audit_failed: AtomicBool,
    pub(crate) metrics: Metrics,
    pub(crate) keyring: Keyring,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// None when proofs need not carry one.
    pub(crate) server_nonces: Option<ServerNonces>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn SecureRandom + Send + Sync>,
    pub(crate) endpoints: Endpoints,
    /// Whether agents may prove themselves with a shared secret, on this machine alone.
    pub(crate) development: bool,
    pub(crate) limits: Limits,
    pub(crate) approvals: Approvals,
    pub(crate) rates: Rates,
    pub(crate) strangers: Strangers,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Vault {
    pub(crate) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Writes a decision into the audit. Only when this returns may it take effect. Refusals of
    /// strangers are summed up when there are too many.
    pub(crate) async fn record(&self, event: Event<'_>) -> Result<(), AuditError> {
        self.sum_up().await;
        if event.is_refusal_of_stranger() && !self.strangers.admit(self.now()) {
            self.metrics.unrecorded(&event);
            return Ok(());
        }
        self.write(event).await
    }

    /// Writes down how many refusals have no line of their own, when their period is over.
    pub(crate) async fn sum_up(&self) {
        if let Some(dropped) = self.strangers.sum(self.now()) {
            self.write_sum(dropped).await;
        }
    }

    /// The same at the end of everything, in the middle of a period.
    pub(crate) async fn sum_up_all(&self) {
        if let Some(dropped) = self.strangers.sum_all() {
            self.write_sum(dropped).await;
        }
    }

    async fn write_sum(&self, dropped: Dropped) {
        let written = async { self.write(Event::of_dropped(&dropped)?).await };
        if written.await.is_err() {
            self.strangers.keep(dropped);
        }
    }

    async fn write(&self, event: Event<'_>) -> Result<(), AuditError> {
        let record = Record::new(self.now(), self.replica.as_deref(), &event)?;
        let began = Instant::now();
        let written = self.audit.append(record).await;
        self.audit_failed.store(written.is_err(), Ordering::Relaxed);
        self.metrics.recorded(&event, began.elapsed(), written.is_ok());
        written
    }

    /// Whether the last record could be written, or else one that is tried now can be.
    pub(crate) async fn audit_is_sound(&self) -> bool {
        !self.audit_failed.load(Ordering::Relaxed) || self.record(Event::Resume).await.is_ok()
    }

    /// Counts a request of a task towards its own rate and its agent's, or refuses it.
    pub(crate) fn admit(&self, task: &Task) -> Result<(), Refused> {
        let policy = self.policy.load();
        self.rates.admit_task(&task.agent, &task.task, policy.task_rate())?;
        let rate = policy.agent(task.agent.as_str()).and_then(|(_, agent)| agent.rate);
        self.rates.admit(&task.agent, rate)
    }

    /// Draws the public name of a nonce.
    pub(crate) fn draw_nonce_id(&self) -> Result<NonceId, Refused> {
        let id = format!("n_{}", self.draw::<12>()?);
        NonceId::new(id).map_err(|NameError { .. }| Refused::unavailable("nonce_id"))
    }

    /// Draws the name of an approval, which nobody guesses.
    pub(crate) fn draw_approval_id(&self) -> Result<ApprovalId, Refused> {
        let id = format!("ap_{}", self.draw::<16>()?);
        ApprovalId::new(id).map_err(|NameError { .. }| Refused::unavailable("approval_id"))
    }

    /// So many random bytes, in base64url.
    fn draw<const BYTES: usize>(&self) -> Result<String, NoRandomness> {
        let mut bits = [0; BYTES];
        self.random.fill(&mut bits).map_err(|_| NoRandomness)?;
        Ok(URL_SAFE_NO_PAD.encode(bits))
    }
}

/// The URLs of this issuer: what assertions and proofs must be made for.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) issuer: Url,
    pub(crate) token: Url,
    pub(crate) revoke: Url,
    pub(crate) introspect: Url,
    pub(crate) consume: Url,
    pub(crate) egress: Url,
}

impl Endpoints {
    pub(crate) const TOKEN: &'static str = "/token";
    pub(crate) const REVOKE: &'static str = "/revoke";
    pub(crate) const INTROSPECT: &'static str = "/introspect";
    pub(crate) const CONSUME: &'static str = "/consume";
    pub(crate) const EGRESS: &'static str = "/egress";

    /// The endpoints of an issuer whose URL is scheme, host and port.
    pub(crate) fn of(issuer: Url) -> Result<Self, url::ParseError> {
        Ok(Self {
            token: issuer.join(Self::TOKEN)?,
            revoke: issuer.join(Self::REVOKE)?,
            introspect: issuer.join(Self::INTROSPECT)?,
            consume: issuer.join(Self::CONSUME)?,
            egress: issuer.join(Self::EGRESS)?,
            issuer,
        })
    }

    /// A service's place at the broker: the `resource` of a nonce request (RFC 8707).
    pub(crate) fn service(&self, name: &ServiceName) -> Option<Url> {
        self.issuer.join(&format!("{}/{name}", Self::EGRESS)).ok()
    }

    /// The URL of a request at the broker, from its path as it was received.
    pub(crate) fn received(&self, path: &str) -> Option<Url> {
        Url::parse(&format!("{}{path}", self.issuer.as_str().trim_end_matches('/'))).ok()
    }
}
