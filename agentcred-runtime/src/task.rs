//! One run of an agent: every tool call of the model goes through here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentcred_protocol::approval::Summary;
use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::names::{AgentId, CallId, ServiceName, TaskId, ToolName};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scope::Scope;
use agentcred_protocol::ttl::{Ttl, Uses};
use serde_json::Value;
use tokio::time::timeout_at;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::agent::TaskError;
use crate::approval::{self, CallTime, Unminted};
use crate::arguments::Arguments;
use crate::context::CallContext;
use crate::dialect::{Dialect, DialectError};
use crate::failure::Failure;
use crate::grant::Grant;
use crate::issuer::{IssuerError, MintRequest};
use crate::lease::Lease;
use crate::live::Source;
use crate::nonce::Nonce;
use crate::outcome::ToolOutcome;
use crate::panics;
use crate::progress::Listener;
use crate::redact;
use crate::telemetry::Clocked;
use crate::tool::{CredentialSpec, Injection, ToolDefinition};
use crate::toolbox::CheckedToolbox;

/// An open task. Calls may run at the same time.
pub struct Task {
    agent: AgentId,
    id: TaskId,
    grant: Arc<Grant>,
    toolbox: Arc<CheckedToolbox>,
    listener: Option<Arc<Listener>>,
    approval_wait: Option<Duration>,
    finished: AtomicBool,
}

impl Task {
    pub(crate) fn new(
        agent: AgentId,
        id: TaskId,
        grant: Grant,
        toolbox: Arc<CheckedToolbox>,
        listener: Option<Arc<Listener>>,
        approval_wait: Option<Duration>,
    ) -> Self {
        let finished = AtomicBool::new(false);
        Self { agent, id, grant: Arc::new(grant), toolbox, listener, approval_wait, finished }
    }

    /// The task's id.
    pub fn id(&self) -> &TaskId {
        &self.id
    }

    /// The tools that the model may call.
    pub fn tools(&self) -> impl Iterator<Item = &ToolDefinition> {
        self.toolbox.definitions()
    }

    /// The task's tools as a model's provider takes them, as
    /// [`Toolbox::schemas`](crate::Toolbox::schemas) gives all of the agent's.
    ///
    /// # Errors
    /// The first tool that the provider cannot take, with the argument and the rule in its way.
    pub fn schemas(&self, dialect: Dialect) -> Result<Vec<Value>, DialectError> {
        dialect.export(self.tools())
    }

    /// Runs one tool call of the model: checks the arguments, mints the call's nonces, runs the
    /// tool, revokes the nonces and takes them out of the result.
    ///
    /// It does not panic, and it returns what a model may read and nothing else. Dropping the
    /// future ends the call and revokes its nonces.
    pub async fn call(&self, tool: &str, arguments: Value) -> ToolOutcome {
        match CallId::fresh() {
            Ok(call) => self.call_with_id(call, tool, arguments).await,
            Err(_) => Failure::Issuer(IssuerError::Local).into_outcome(
                &self.agent,
                tool,
                &self.nameless_call(),
            ),
        }
    }

    /// Like [`Self::call`], under the id that the model gave its call.
    pub async fn call_with_id(&self, call: CallId, tool: &str, arguments: Value) -> ToolOutcome {
        let (context, _running) = CallContext::running(
            self.agent.clone(),
            self.id.clone(),
            call.clone(),
            self.listener.clone(),
        );
        // What a model makes up is no name and no label.
        let known = self.toolbox.find(tool).map(|(definition, _)| definition.name.as_str());
        // OpenTelemetry semantic conventions for generative AI, "execute tool span".
        let span = tracing::info_span!(
            "execute_tool",
            otel.name = known.map(|name| format!("execute_tool {name}")),
            otel.status_code = Empty,
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = known,
            gen_ai.tool.type = "function",
            gen_ai.tool.call.id = %call,
            gen_ai.agent.id = %self.agent,
            agentcred.task.id = %self.id,
            error.type = Empty,
        );
        let clocked = Clocked::start(known);
        let outcome = self.run(&context, tool, arguments).instrument(span.clone()).await;
        let _entered = span.enter();
        let outcome = match outcome {
            Ok(output) => ToolOutcome::Output(output),
            Err(failure) => failure.into_outcome(&self.agent, tool, &call),
        };
        clocked.stop(outcome.error_code());
        outcome
    }

    /// Mints a nonce for an orchestrator that makes its requests itself, for one upstream
    /// request. It is revoked when it is dropped.
    ///
    /// # Errors
    /// When a name or the TTL is not one, the task has
    /// [`only_tools`](crate::Opening::only_tools) and none of them needs this scope, or the issuer
    /// refuses or cannot be reached.
    pub async fn nonce(
        &self,
        service: &str,
        scope: &str,
        ttl: Duration,
    ) -> Result<Nonce, TaskError> {
        if self.finished.load(Ordering::SeqCst) {
            return Err(TaskError::Finished);
        }
        let wish = MintRequest {
            service: ServiceName::new(service)?,
            scope: Scope::new(scope)?,
            ttl: Ttl::try_from(ttl)?,
            uses: Uses::ONE,
            tool: ToolName::new(ORCHESTRATOR)?,
            call: CallId::fresh().map_err(|_| IssuerError::Local)?,
            arguments: ArgumentsHash::of(&Value::Null),
            summary: None,
            approval: None,
        };
        if !self.toolbox.reaches(&wish.service, &wish.scope) {
            let MintRequest { service, scope, .. } = wish;
            return Err(TaskError::BeyondTools { service, scope });
        }
        let source = Source { grant: Arc::clone(&self.grant), wish };
        let for_human = self.approval_wait.unwrap_or(ORCHESTRATOR_WAIT);
        let mut time = CallTime::new(ORCHESTRATOR_TIME, Some(for_human));
        match approval::mint(source, ORCHESTRATOR, None, &mut time).await {
            Ok(nonce) => Ok(Nonce::new(Arc::new(nonce))),
            Err(Unminted::Issuer(error)) => Err(error.into()),
            Err(Unminted::Late) => Err(IssuerError::Local.into()),
        }
    }

    /// Ends the task: the issuer revokes every nonce that is left of it. Later calls are
    /// refused. It waits up to 3 seconds for revocations that cancelled calls left behind, so that
    /// a program which finishes its tasks before it ends leaves nothing. Finishing twice is no
    /// error.
    ///
    /// # Errors
    /// When the issuer cannot be told; the nonces then end by their TTL.
    pub async fn finish(&self) -> Result<(), TaskError> {
        if self.finished.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let closed = self.grant.close().await;
        self.grant.settle().await;
        closed?;
        tracing::info!(agent = %self.agent, task = %self.id, "task finished");
        Ok(())
    }

    async fn run(
        &self,
        context: &CallContext,
        tool: &str,
        arguments: Value,
    ) -> Result<Value, Failure> {
        if self.finished.load(Ordering::SeqCst) {
            return Err(Failure::TaskOver);
        }
        let (definition, tool) = self.toolbox.find(tool).ok_or(Failure::UnknownTool)?;
        let hash = ArgumentsHash::of(&arguments);
        let summary = tool.approval_summary(&arguments).and_then(|text| Summary::cut(&text));
        let invocation = tool.prepare(Arguments::new(arguments)?)?;
        // The time that a call may take is that of its nonces and its tool together.
        let mut time = CallTime::new(definition.timeout, self.approval_wait);
        let lease = self.mint(context, definition, &hash, summary.as_ref(), &mut time).await?;
        let late = || Failure::TimedOut(definition.timeout);
        let scrubbers = lease.scrubbers();
        context.keep_back(scrubbers.clone());
        let injection = Injection {
            nonces: lease.nonces(),
            context: context.clone(),
            state: self.toolbox.state(),
        };
        let running = panics::contained(invocation.run(injection));
        let result = match timeout_at(time.deadline, running).await {
            Ok(Ok(result)) => result.map_err(Failure::Tool),
            Ok(Err(panicked)) => Err(Failure::Panicked(panicked)),
            Err(_) => Err(late()),
        };
        lease.end().await;
        match result {
            Ok(output) => Ok(redact::value(&scrubbers, output)),
            Err(failure) => Err(failure.redacted(&scrubbers)),
        }
    }

    /// Mints a nonce for each credential of the tool. If one is refused, those before it end.
    async fn mint(
        &self,
        context: &CallContext,
        definition: &ToolDefinition,
        hash: &ArgumentsHash,
        summary: Option<&Summary>,
        time: &mut CallTime,
    ) -> Result<Lease, Failure> {
        let mut lease = Lease::new();
        for spec in &definition.credentials {
            let wish = wish(context, definition, spec, hash, summary)?;
            let (service, scope) = (wish.service.clone(), wish.scope.clone());
            let source = Source { grant: Arc::clone(&self.grant), wish };
            let minting = approval::mint(source, &definition.name, Some(context), time);
            let nonce = minting.await.map_err(|unminted| match unminted {
                Unminted::Late => Failure::TimedOut(definition.timeout),
                Unminted::Issuer(IssuerError::Refused(code)) if is_policy(code) => {
                    Failure::NotGranted { service, scope, code }
                }
                Unminted::Issuer(IssuerError::Refused(RefusalCode::InvalidGrant)) => {
                    Failure::TaskOver
                }
                Unminted::Issuer(error) => Failure::Issuer(error),
            })?;
            lease.add(nonce);
        }
        Ok(lease)
    }

    fn nameless_call(&self) -> CallId {
        // A task id is a call id by its grammar, so this cannot fail; without randomness there
        // is no better name for the call.
        CallId::new(self.id.as_str())
            .unwrap_or_else(|_| unreachable!("task ids and call ids have one grammar"))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.finished.swap(true, Ordering::SeqCst) {
            return;
        }
        let grant = Arc::clone(&self.grant);
        self.grant.background().start(async move {
            if let Err(error) = grant.close().await {
                tracing::warn!("a dropped task was not closed, its TTL ends it: {error}");
            }
        });
    }
}

/// The tool's name in the audit when an orchestrator asked for the nonce itself.
const ORCHESTRATOR: &str = "orchestrator";

/// How long such a nonce is waited for at the most, and for a human where nothing else is said.
const ORCHESTRATOR_TIME: Duration = Duration::from_mins(1);
const ORCHESTRATOR_WAIT: Duration = Duration::from_secs(30);

fn wish(
    context: &CallContext,
    definition: &ToolDefinition,
    spec: &CredentialSpec,
    hash: &ArgumentsHash,
    summary: Option<&Summary>,
) -> Result<MintRequest, Failure> {
    Ok(MintRequest {
        service: ServiceName::new(spec.service)?,
        scope: Scope::new(spec.scope)?,
        ttl: Ttl::try_from(spec.ttl)?,
        uses: Uses::try_from(spec.uses)?,
        tool: ToolName::new(definition.name.as_str())?,
        call: context.call_id().clone(),
        arguments: hash.clone(),
        summary: summary.cloned(),
        approval: None,
    })
}

fn is_policy(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::InvalidScope
            | RefusalCode::InvalidTarget
            | RefusalCode::InvalidAuthorizationDetails
            | RefusalCode::AccessDenied
    )
}
