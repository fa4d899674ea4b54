//! What a tool can know of the call that it runs in, and say of it while it runs.

use std::fmt;
use std::sync::Arc;

use agentcred_protocol::names::{AgentId, CallId, TaskId};
use agentcred_protocol::scrub::Scrubber;
use tokio::sync::watch;

use crate::progress::{Listener, Progress, Reporter};

/// The call that a tool runs in. A tool gets it as a parameter; it is no argument of the model.
///
/// ```
/// use agentcred_runtime::{CallContext, Progress};
///
/// fn import(rows: &[&str], call: &CallContext) -> usize {
///     for (row, _) in rows.iter().enumerate() {
///         if call.is_over() {
///             return row;
///         }
///         call.progress(Progress::new(row as f64).of(rows.len() as f64).message("importing"));
///     }
///     rows.len()
/// }
/// # let call = CallContext::new("agent".parse()?, "task-1".parse()?, "call-1".parse()?);
/// # assert_eq!(import(&["a", "b"], &call), 2);
/// # Ok::<(), agentcred_runtime::protocol::names::NameError>(())
/// ```
#[derive(Clone)]
pub struct CallContext {
    inner: Arc<Inner>,
}

struct Inner {
    agent: AgentId,
    task: TaskId,
    call: CallId,
    /// None in a context that no task made.
    life: Option<watch::Receiver<()>>,
    reporter: Reporter,
}

/// Held while a call runs; when it is dropped, the call is over.
pub(crate) struct Running(
    #[expect(dead_code, reason = "its drop is what counts")] watch::Sender<()>,
);

impl CallContext {
    /// The context of a call that is never over and that nobody listens to. An agent makes its
    /// own; this is for a test that calls a tool's function itself.
    pub fn new(agent: AgentId, task: TaskId, call: CallId) -> Self {
        let inner = Inner { agent, task, call, life: None, reporter: Reporter::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The context of a call that runs as long as the second value is held.
    pub(crate) fn running(
        agent: AgentId,
        task: TaskId,
        call: CallId,
        listener: Option<Arc<Listener>>,
    ) -> (Self, Running) {
        let (running, life) = watch::channel(());
        let reporter = Reporter::to(listener);
        let inner = Inner { agent, task, call, life: Some(life), reporter };
        (Self { inner: Arc::new(inner) }, Running(running))
    }

    /// The agent.
    pub fn agent_id(&self) -> &AgentId {
        &self.inner.agent
    }

    /// The task that the call belongs to.
    pub fn task_id(&self) -> &TaskId {
        &self.inner.task
    }

    /// The call: what the log, the audit and an error for the model name it.
    pub fn call_id(&self) -> &CallId {
        &self.inner.call
    }

    /// Whether the call was cancelled, timed out or ended. An async tool is dropped then; a
    /// sync one runs on, with a nonce of no use, and should look now and then.
    pub fn is_over(&self) -> bool {
        self.inner.life.as_ref().is_some_and(|life| life.has_changed().is_err())
    }

    /// Waits until the call was cancelled, timed out or ended, for work that a tool started
    /// beside itself.
    pub async fn over(&self) {
        match self.inner.life.clone() {
            Some(mut life) => while life.changed().await.is_ok() {},
            None => std::future::pending().await,
        }
    }

    /// Tells whoever watches the agent how far the call has come: see
    /// [`AgentBuilder::on_progress`](crate::AgentBuilder::on_progress).
    pub fn progress(&self, progress: Progress) {
        self.inner.reporter.report(self.call_id(), progress);
    }

    /// Tells whoever watches the agent, in our own fixed words.
    pub(crate) fn announce(&self, progress: &Progress) {
        self.inner.reporter.announce(self.call_id(), progress);
    }

    /// Takes the call's nonces out of what it reports from now on.
    pub(crate) fn keep_back(&self, scrubbers: Vec<Scrubber>) {
        self.inner.reporter.keep_back(scrubbers);
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("agent", &self.inner.agent)
            .field("task", &self.inner.task)
            .field("call", &self.inner.call)
            .finish_non_exhaustive()
    }
}
