//! An agent: who it is, where its nonces come from, which tools it has.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::names::{AgentId, CallId, NameError, ServiceName, TaskId};
use agentcred_protocol::scope::Scope;
use agentcred_protocol::user::UserToken;

use crate::grant::Grant;
use crate::issuer::{Issuer, IssuerError, OpenTask};
use crate::panics;
use crate::progress::{Listener, Progress};
use crate::task::Task;
use crate::toolbox::{CheckedToolbox, Toolbox};

/// An agent, from which tasks are opened.
///
/// ```
/// # use agentcred_runtime::{Agent, EgressResponse, MemoryIssuer, Toolbox};
/// # async fn run(issuer: MemoryIssuer) -> Result<(), Box<dyn std::error::Error>> {
/// let agent = Agent::builder("billing-agent-v2").issuer(issuer).tools(Toolbox::new()).build()?;
/// let task = agent.task("task-42").await?;
/// task.finish().await?;
/// # Ok(()) }
/// ```
pub struct Agent {
    id: AgentId,
    issuer: Arc<dyn Issuer>,
    toolbox: Arc<CheckedToolbox>,
    listener: Option<Arc<Listener>>,
    approval_wait: Option<Duration>,
}

impl Agent {
    /// Starts to build the agent of this id, which is the issuer's `client_id` for it.
    pub fn builder(id: impl Into<String>) -> AgentBuilder {
        AgentBuilder {
            id: id.into(),
            issuer: None,
            toolbox: Toolbox::new(),
            listener: None,
            approval_wait: None,
        }
    }

    /// The agent's id.
    pub fn id(&self) -> &AgentId {
        &self.id
    }

    /// Opens a task: one grant from the issuer, from which the task's nonces are minted. It is
    /// opened by `.await`.
    ///
    /// # Errors
    /// When the task's id is not one, or the issuer refuses or cannot be reached.
    pub fn task(&self, id: impl Into<String>) -> Opening<'_> {
        Opening { agent: self, id: id.into(), tools: None, user: None }
    }
}

/// A task that is opened when it is awaited.
///
/// ```
/// # use agentcred_runtime::{Agent, UserToken};
/// # async fn run(agent: Agent, id_token: String) -> Result<(), Box<dyn std::error::Error>> {
/// let task = agent
///     .task("task-42")
///     .only_tools(["find_customers", "list_invoices"])
///     .on_behalf_of(UserToken::new(id_token)?)
///     .await?;
/// # Ok(()) }
/// ```
#[must_use = "a task is opened by `.await`"]
pub struct Opening<'a> {
    agent: &'a Agent,
    id: String,
    tools: Option<Vec<String>>,
    user: Option<UserToken>,
}

impl Opening<'_> {
    /// Gives the task these of the agent's tools: what this run needs and no more. Its model is told
    /// of no other tool, a call of one is refused as unknown before anything is minted, and
    /// [`Task::nonce`] mints within what these tools are declared to need. A name that no tool
    /// has is an error of opening.
    ///
    /// # Security
    /// It holds in this process. What the issuer would grant to the agent is the policy's to say.
    pub fn only_tools(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tools = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Opens the task on behalf of the user whose login gave this token (RFC 8693). The policy may
    /// grant more to some users, and the audit names the user. The task ends when the token does.
    ///
    /// # Security
    /// The token goes to the issuer. It is kept in this process as long as the task, since the
    /// grant may have to be opened again; no tool and no model comes by it.
    pub fn on_behalf_of(mut self, user: UserToken) -> Self {
        self.user = Some(user);
        self
    }

    async fn open(self) -> Result<Task, TaskError> {
        let Agent { id: agent, issuer, toolbox, listener, approval_wait } = self.agent;
        let id = TaskId::new(self.id).map_err(TaskError::Id)?;
        let toolbox = match self.tools {
            None => Arc::clone(toolbox),
            Some(names) => {
                Arc::new(toolbox.only(&names).map_err(|tool| TaskError::UnknownTool { tool })?)
            }
        };
        let wish = OpenTask { agent: agent.clone(), task: id.clone(), user: self.user };
        let grant = Grant::open(Arc::clone(issuer), wish).await?;
        tracing::info!(%agent, task = %id, "task opened");
        Ok(Task::new(agent.clone(), id, grant, toolbox, listener.clone(), *approval_wait))
    }
}

impl<'a> IntoFuture for Opening<'a> {
    type Output = Result<Task, TaskError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}

/// An agent in the making.
#[must_use = "an agent is made by `.build()`"]
pub struct AgentBuilder {
    id: String,
    issuer: Option<Arc<dyn Issuer>>,
    toolbox: Toolbox,
    listener: Option<Arc<Listener>>,
    approval_wait: Option<Duration>,
}

impl AgentBuilder {
    /// Where the agent's nonces come from.
    pub fn issuer(mut self, issuer: impl Issuer) -> Self {
        self.issuer = Some(Arc::new(issuer));
        self
    }

    /// The agent's tools.
    pub fn tools(mut self, toolbox: Toolbox) -> Self {
        self.toolbox = toolbox;
        self
    }

    /// How long a call may wait for a human where the policy asks for an approval, on top of its
    /// tool's own time. Without this the wait is a part of the tool's time. A call that can wait no
    /// longer ends as `approval_pending` and is withdrawn.
    pub fn approval_wait(mut self, wait: Duration) -> Self {
        self.approval_wait = Some(wait);
        self
    }

    /// Who hears of the progress that running tools report. It is called on the tool's thread and
    /// should return at once.
    pub fn on_progress(
        mut self,
        listener: impl Fn(&CallId, &Progress) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Makes the agent.
    ///
    /// The first agent of a process puts a panic hook before the one that is there. It keeps
    /// quiet about panics in tools, whose texts may hold anything: the log has them under the
    /// call's id, without the call's nonces. All other panics go to the hook that was there. A
    /// hook that the program sets later takes its place.
    ///
    /// # Errors
    /// When the id is not one, the issuer is missing, or the tools do not go together.
    pub fn build(self) -> Result<Agent, BuildError> {
        panics::install_hook();
        Ok(Agent {
            id: AgentId::new(self.id)?,
            issuer: self.issuer.ok_or(BuildError::MissingIssuer)?,
            toolbox: Arc::new(self.toolbox.checked()?),
            listener: self.listener,
            approval_wait: self.approval_wait,
        })
    }
}

/// Why an agent cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The agent's id is not one.
    #[error(transparent)]
    Id(#[from] NameError),
    /// No issuer was given.
    #[error("the agent has no issuer; say `.issuer(HttpIssuer::from_env()?)`")]
    MissingIssuer,
    /// Two tools have one name.
    #[error("two tools are called `{tool}`; give one of them another `name = \"..\"`")]
    DuplicateTool {
        /// The name.
        tool: String,
    },
    /// A tool's arguments are no JSON object, as with `#[tool(args)]` on an enum.
    #[error(
        "the arguments of tool `{tool}` are no JSON object; take a struct with `#[tool(args)]`"
    )]
    ArgumentsNotAnObject {
        /// The tool.
        tool: String,
    },
    /// A tool takes state that the toolbox has not.
    #[error(
        "tool `{tool}` takes `State<{state}>`, which the toolbox has not; add it with `.state(..)`"
    )]
    MissingState {
        /// The tool.
        tool: String,
        /// The type of the state.
        state: &'static str,
    },
}

/// Why a task cannot be opened or a nonce not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The agent cannot be made.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The task's id is not one.
    #[error(transparent)]
    Id(NameError),
    /// A service, scope or TTL is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A task was to be opened for a tool that the agent has not.
    #[error("the agent has no tool `{tool}`; name one that is in its toolbox")]
    UnknownTool {
        /// The name.
        tool: String,
    },
    /// A nonce was asked for that none of the task's tools needs.
    #[error(
        "no tool of this task needs `{scope}` on `{service}`; name one that does in `.only_tools(..)`"
    )]
    BeyondTools {
        /// The service.
        service: ServiceName,
        /// The scope.
        scope: Scope,
    },
    /// The issuer refused or could not be reached.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// The task was finished.
    #[error("the task is finished; open another one with `Agent::task`")]
    Finished,
}
