//! Progress: what a running tool reports of how far it has come.

use std::sync::{Arc, OnceLock};

use agentcred_protocol::names::CallId;
use agentcred_protocol::scrub::Scrubber;

use crate::redact;

/// How far a call has come, in the terms of MCP's progress notifications.
///
/// ```
/// use agentcred_runtime::Progress;
/// let progress = Progress::new(3.0).of(10.0).message("page 3");
/// assert_eq!(progress.total, Some(10.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How much is done, in a unit of the tool's own.
    pub done: f64,
    /// How much there is to do, where the tool knows it.
    pub total: Option<f64>,
    /// What is being done.
    pub message: String,
}

impl Progress {
    /// So much is done.
    pub fn new(done: f64) -> Self {
        Self { done, total: None, message: String::new() }
    }

    /// So much there is to do.
    #[must_use]
    pub fn of(self, total: f64) -> Self {
        Self { total: Some(total), ..self }
    }

    /// What is being done, for whoever watches. The call's nonces are taken out of it.
    #[must_use]
    pub fn message(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }
}

/// Who an agent tells of progress.
pub(crate) type Listener = dyn Fn(&CallId, &Progress) + Send + Sync;

/// The way from one call's tool to the agent's listener, with the call's nonces taken out.
#[derive(Default)]
pub(crate) struct Reporter {
    listener: Option<Arc<Listener>>,
    scrubbers: OnceLock<Vec<Scrubber>>,
}

impl Reporter {
    pub(crate) fn to(listener: Option<Arc<Listener>>) -> Self {
        Self { listener, scrubbers: OnceLock::new() }
    }

    /// Says what must not get through. The first word counts: a call mints its nonces once.
    pub(crate) fn keep_back(&self, scrubbers: Vec<Scrubber>) {
        let _ = self.scrubbers.set(scrubbers);
    }

    /// Reports in our own fixed words, which hold no nonce, and so before there is one too.
    pub(crate) fn announce(&self, call: &CallId, progress: &Progress) {
        if let Some(listener) = &self.listener {
            listener(call, progress);
        }
    }

    /// Reports, unless nobody listens.
    pub(crate) fn report(&self, call: &CallId, progress: Progress) {
        let (Some(listener), Some(scrubbers)) = (&self.listener, self.scrubbers.get()) else {
            return;
        };
        let message = redact::text(scrubbers, progress.message);
        listener(call, &Progress { message, ..progress });
    }
}
