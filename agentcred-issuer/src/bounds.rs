//! Bounds: how large and how long what one rule allows may be.

use std::time::Duration;

use crate::limits::Limits;

/// What a rule says of its own requests; none where the usual limit holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The largest body of a request, in bytes.
    pub(crate) request_body: Option<u64>,
    /// The largest body of an answer, in bytes.
    pub(crate) response_body: Option<u64>,
    /// How long request and answer may take together.
    pub(crate) time: Option<Duration>,
}

impl Bounds {
    /// The largest body of a request, in bytes.
    pub(crate) fn request_body(&self, limits: &Limits) -> u64 {
        self.request_body.unwrap_or(limits.request_body as u64)
    }

    /// The largest body of an answer, in bytes.
    pub(crate) fn response_body(&self, limits: &Limits) -> u64 {
        self.response_body.unwrap_or(limits.response_body)
    }

    /// How long request and answer may take together.
    pub(crate) fn time(&self, limits: &Limits) -> Duration {
        self.time.unwrap_or(limits.upstream_time)
    }
}
