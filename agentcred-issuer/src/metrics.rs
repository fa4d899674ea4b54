//! Metrics: what the audit tells of, counted, in the form that Prometheus reads.
//!
//! Every label is a name that the policy gave or a word of an enum here. Nothing that an agent
//! or an upstream wrote becomes a label, so that metrics neither carry it away nor grow with it.

use std::fmt;
use std::time::Duration;

use agentcred_protocol::names::ServiceName;
use agentcred_protocol::scope::ScopeToken;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::audit::{Endpoint, Event, Outcome};
use crate::call::Call;

/// The media type of [`Metrics::text`].
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that is counted in one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    tasks: Counter,
    mints: Family<Granted, Counter>,
    uses: Family<Granted, Counter>,
    consumptions: Family<Granted, Counter>,
    answers: Family<Answered, Counter>,
    refusals: Family<RefusedAt, Counter>,
    approvals: Family<Decided, Counter>,
    audit_failures: Counter,
    audit_write: Histogram,
    connections: Family<At, Gauge>,
}

/// Whose listener a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Agents,
    Operators,
}

/// An open connection. It is counted until this is dropped.
#[derive(Debug)]
#[must_use = "a connection is counted for as long as this is there"]
pub(crate) struct Open(Gauge);

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("agentcred");
        let tasks = Counter::default();
        registry.register("tasks", "Task grants handed out", tasks.clone());
        let mints = Family::default();
        let help = "Nonces handed out; one with several scopes counts for each of them";
        registry.register("mints", help, mints.clone());
        let uses = Family::default();
        let help = "Requests about to leave for an upstream; counted for each scope of the nonce";
        registry.register("uses", help, uses.clone());
        let consumptions = Family::default();
        let help = "Uses that resource servers spent; counted for each scope of the nonce";
        registry.register("consumptions", help, consumptions.clone());
        let answers = Family::default();
        let help = "What became of those requests: a status class, or why there is none";
        registry.register("answers", help, answers.clone());
        let refusals = Family::default();
        registry.register("refusals", "Requests that were refused", refusals.clone());
        let approvals = Family::default();
        registry.register(
            "approvals",
            "How calls that waited for a human ended",
            approvals.clone(),
        );
        let audit_failures = Counter::default();
        let help = "Audit records that could not be written; what they tell of was not done";
        registry.register("audit_failures", help, audit_failures.clone());
        let audit_write = Histogram::new(exponential_buckets(SHORTEST_WRITE, 2.0, BUCKETS));
        let help = "How long an audit record took to become durable";
        registry.register("audit_write_seconds", help, audit_write.clone());
        let connections = Family::default();
        registry.register("connections", "Connections that are open", connections.clone());
        Self {
            registry,
            tasks,
            mints,
            uses,
            consumptions,
            answers,
            refusals,
            approvals,
            audit_failures,
            audit_write,
            connections,
        }
    }
}

impl Metrics {
    /// All of them, as text.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// Counts how long the audit took for an event, and what the event tells of. Without its
    /// record a decision had no effect, unless it was a refusal.
    pub(crate) fn recorded(&self, event: &Event<'_>, took: Duration, is_written: bool) {
        if is_written {
            self.audit_write.observe(took.as_secs_f64());
        } else {
            self.audit_failures.inc();
        }
        if is_written || matches!(event, Event::Refusal { .. }) {
            self.count(event);
        }
    }

    /// Counts a refusal that has no record of its own.
    pub(crate) fn unrecorded(&self, refusal: &Event<'_>) {
        self.count(refusal);
    }

    /// Counts a connection of a listener until it ends.
    pub(crate) fn open(&self, listener: Side) -> Open {
        let gauge = self.connections.get_or_create_owned(&At { listener });
        gauge.inc();
        Open(gauge)
    }

    fn count(&self, event: &Event<'_>) {
        match event {
            Event::Task { .. } => drop(self.tasks.inc()),
            Event::Mint { call, .. } => count_granted(&self.mints, call),
            Event::Use { call, .. } => count_granted(&self.uses, call),
            Event::Consume { call, .. } => count_granted(&self.consumptions, call),
            Event::Answer { call, outcome } => {
                let (service, outcome) = (Name::from(&call.service), class(*outcome));
                self.answers.get_or_create(&Answered { service, outcome }).inc();
            }
            Event::Refusal { at, error, .. } => {
                let refused = RefusedAt { endpoint: *at, code: error.as_str() };
                self.refusals.get_or_create(&refused).inc();
            }
            Event::Approval { decision, .. } => {
                self.approvals.get_or_create(&Decided { decision }).inc();
            }
            Event::Start { .. }
            | Event::Resume
            | Event::Rotate { .. }
            | Event::RefusalsDropped { .. }
            | Event::Continue { .. }
            | Event::Reload { .. }
            | Event::Introspect { .. }
            | Event::ApprovalRequest { .. }
            | Event::Revoke { .. } => {}
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A call is one that the policy permitted, so these names are the policy's.
fn count_granted(counters: &Family<Granted, Counter>, call: &Call) {
    for scope in call.scope.tokens() {
        let granted = Granted { service: Name::from(&call.service), scope: Name::from(scope) };
        counters.get_or_create(&granted).inc();
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered { status: 100..200 } => "1xx",
        Outcome::Answered { status: 200..300 } => "2xx",
        Outcome::Answered { status: 300..400 } => "3xx",
        Outcome::Answered { status: 400..500 } => "4xx",
        Outcome::Answered { status: 500..600 } => "5xx",
        Outcome::Answered { .. } => "other",
        Outcome::Unreachable => "unreachable",
        Outcome::NoSecret => "no_secret",
        Outcome::HeldBack => "held_back",
        Outcome::Lost => "lost",
        Outcome::CutOff => "cut_off",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Granted {
    service: Name,
    scope: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    service: Name,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedAt {
    endpoint: Endpoint,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decided {
    decision: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct At {
    listener: Side,
}

/// A name that the policy gave. There is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name(String);

impl From<&ServiceName> for Name {
    fn from(service: &ServiceName) -> Self {
        Self(service.as_str().to_owned())
    }
}

impl From<&ScopeToken> for Name {
    fn from(scope: &ScopeToken) -> Self {
        Self(scope.as_str().to_owned())
    }
}

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.as_str().encode(encoder)
    }
}

impl EncodeLabelValue for Side {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let name = match self {
            Self::Agents => "agents",
            Self::Operators => "operators",
        };
        name.encode(encoder)
    }
}

impl EncodeLabelValue for Endpoint {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.as_str().encode(encoder)
    }
}

/// In seconds. With the buckets it reaches to eight, past the time that a record may take.
const SHORTEST_WRITE: f64 = 0.000_25;
const BUCKETS: u16 = 16;
