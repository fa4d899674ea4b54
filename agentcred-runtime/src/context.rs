//! What a tool may know about the call it runs in.

use std::sync::Arc;

/// The call that a tool runs in.
#[derive(Clone, Debug)]
pub struct CallContext {
    call_id: Arc<str>,
    task_id: Arc<str>,
}

impl CallContext {
    #[cfg(test)]
    pub(crate) fn new(call_id: &str, task_id: &str) -> Self {
        Self { call_id: call_id.into(), task_id: task_id.into() }
    }

    /// The id of this call.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The id of the task that the call belongs to.
    pub fn task_id(&self) -> &str {
        &self.task_id
    }
}
