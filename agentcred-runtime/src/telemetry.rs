//! What an operator sees of calls: spans and measurements, by the names of OpenTelemetry.
//!
//! Everything goes out by way of `tracing`, so that no program takes OpenTelemetry along that does
//! not want it. With `tracing-opentelemetry`, its layer makes spans of the spans, and its
//! `MetricsLayer` makes metrics of the events at the target [`METRICS`]. Every label has its value
//! from a closed list: declared tools and services, and codes.

use std::time::Instant;

use tracing::{Level, Span};

use crate::egress::{EgressResponse, RequestError};
use crate::issuer::{IssuerError, NotApproved};

/// Measurements are events at this target, at the level DEBUG.
pub(crate) const METRICS: &str = "agentcred::metrics";

/// One call on the clock. One that is dropped before its end counts as cancelled.
pub(crate) struct Clocked<'t> {
    started: Instant,
    tool: Option<&'t str>,
    error: Option<&'static str>,
}

impl<'t> Clocked<'t> {
    /// Starts the clock of a call of `tool`, if there is one of that name.
    pub(crate) fn start(tool: Option<&'t str>) -> Self {
        Self { started: Instant::now(), tool, error: Some("cancelled") }
    }

    /// Stops it, and says in the current span what became of the call.
    pub(crate) fn stop(mut self, error: Option<&'static str>) {
        self.error = error;
        if let Some(error) = error {
            failed(error);
        }
    }
}

impl Drop for Clocked<'_> {
    /// `gen_ai.client.operation.duration`, in seconds.
    fn drop(&mut self) {
        tracing::event!(
            target: METRICS,
            Level::DEBUG,
            histogram.gen_ai.client.operation.duration = self.started.elapsed().as_secs_f64(),
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = self.tool,
            error.type = self.error,
        );
    }
}

/// The outcome of asking for a nonce.
pub(crate) fn minting<T>(service: &str, outcome: &Result<T, IssuerError>) {
    match outcome {
        Ok(_) => tracing::event!(
            target: METRICS,
            Level::DEBUG,
            monotonic_counter.agentcred.nonce.mints = 1_u64,
            agentcred.service = service,
        ),
        // Neither minted nor refused: a human is asked.
        Err(IssuerError::Pending(_)) => {}
        Err(error) => {
            failed(error.kind());
            tracing::event!(
            target: METRICS,
            Level::DEBUG,
                monotonic_counter.agentcred.nonce.refusals = 1_u64,
                agentcred.service = service,
                error.type = error.kind(),
            );
        }
    }
}

/// The outcome of an upstream request, in the current span.
pub(crate) fn requested(outcome: &Result<EgressResponse, RequestError>) {
    match outcome {
        Ok(answer) => {
            let status = answer.status.as_u16();
            Span::current().record("http.response.status_code", status);
            if status >= 400 {
                failed(answer.status.as_str());
            }
        }
        Err(error) => failed(error.kind()),
    }
}

/// Marks the current span as failed.
pub(crate) fn failed(error: &str) {
    let span = Span::current();
    span.record("error.type", error);
    span.record("otel.status_code", "ERROR");
}

/// Notes in the current span which host a request goes to.
pub(crate) fn server(url: &url::Url) {
    let span = Span::current();
    if let Some(host) = url.host_str() {
        span.record("server.address", host);
    }
    if let Some(port) = url.port_or_known_default() {
        span.record("server.port", port);
    }
}

impl IssuerError {
    /// The class of the error, from a closed list.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Refused(code) => code.as_str(),
            Self::Pending(_) | Self::NotApproved(NotApproved::Pending) => "authorization_pending",
            Self::NotApproved(NotApproved::Denied) => "access_denied",
            Self::NotApproved(NotApproved::Expired) => "expired_token",
            Self::Unreachable { .. } => "unreachable",
            Self::Garbled { .. } => "garbled",
            Self::Misconfigured(_) => "misconfigured",
            Self::Local => "local",
        }
    }
}

impl RequestError {
    /// The class of the error, from a closed list.
    fn kind(&self) -> &'static str {
        match self {
            Self::UsesExceeded { .. } => "uses_exceeded",
            Self::CallOver => "call_over",
            Self::InvalidPath => "invalid_path",
            Self::Upload(_) => "upload",
            Self::Unserialisable(_) => "unserialisable",
            Self::Refused(code) => code.as_str(),
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::TooLarge(_) => "too_large",
            Self::Status(_) => "status",
            Self::Decode { .. } => "decode",
            Self::LostPage => "lost_page",
            Self::Local => "local",
        }
    }
}
