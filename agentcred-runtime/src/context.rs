//! What a tool can know of the call that it runs in.

use std::sync::Arc;

use agentcred_protocol::names::{AgentId, CallId, TaskId};

/// The call that a tool runs in. A tool gets it as a parameter; it is no argument of the model.
#[derive(Clone, Debug)]
pub struct CallContext {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    agent: AgentId,
    task: TaskId,
    call: CallId,
}

impl CallContext {
    /// The context of a call. An agent makes it; a test that calls a tool's function itself
    /// makes its own:
    ///
    /// ```
    /// # use agentcred_runtime::CallContext;
    /// let context = CallContext::new("agent".parse()?, "task-1".parse()?, "call-1".parse()?);
    /// assert_eq!(context.call_id().as_str(), "call-1");
    /// # Ok::<(), agentcred_runtime::protocol::names::NameError>(())
    /// ```
    pub fn new(agent: AgentId, task: TaskId, call: CallId) -> Self {
        Self { inner: Arc::new(Inner { agent, task, call }) }
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
}
