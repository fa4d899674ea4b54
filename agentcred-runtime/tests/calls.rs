//! What becomes of a call and its nonce, however the call ends.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::sync::Arc;
use std::time::Duration;

use agentcred_runtime::{
    Agent, ArgumentError, Arguments, BuildError, CredentialSpec, EgressRequest, EgressResponse,
    Injection, Invocation, MemoryIssuer, ModelErrorCode, Progress, RequestError, Task, TaskError,
    Tool, ToolDefinition, ToolError, ToolOutcome, Toolbox,
};
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::{Value, json};

type Body = dyn Fn(Injection) -> BoxFuture<'static, Result<Value, ToolError>> + Send + Sync;

/// A tool with one credential, whose body the test writes.
struct Probe {
    name: &'static str,
    uses: u32,
    body: Arc<Body>,
}

impl Probe {
    fn new<F>(name: &'static str, body: impl Fn(Injection) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Value, ToolError>> + Send + 'static,
    {
        Self { name, uses: 1, body: Arc::new(move |injection| Box::pin(body(injection))) }
    }

    fn uses(self, uses: u32) -> Self {
        Self { uses, ..self }
    }
}

impl Tool for Probe {
    fn definition(&self) -> ToolDefinition {
        let mut definition = ToolDefinition::new(self.name, "A probe.");
        definition.timeout = Duration::from_millis(200);
        definition.credentials = vec![CredentialSpec {
            parameter: "stripe",
            service: "stripe",
            scope: "read:customers",
            ttl: Duration::from_mins(5),
            uses: self.uses,
        }];
        definition
    }

    fn prepare(&self, arguments: Arguments) -> Result<Invocation, ArgumentError> {
        arguments.finish()?;
        let body = Arc::clone(&self.body);
        Ok(Invocation::new(move |injection| body(injection)))
    }
}

fn upstream(_: &EgressRequest) -> EgressResponse {
    EgressResponse::new(StatusCode::OK, r#"{"ok":true}"#)
}

fn granting() -> MemoryIssuer {
    MemoryIssuer::new(upstream).grant("stripe", "read:customers")
}

async fn task(issuer: &MemoryIssuer, probe: Probe) -> Task {
    let agent =
        Agent::builder("agent").issuer(issuer.clone()).tools(Toolbox::new().with(probe)).build();
    agent.unwrap().task("task-1").await.unwrap()
}

async fn ask(mut injection: Injection) -> Result<Value, ToolError> {
    let nonce = injection.nonces.remove(0);
    Ok(nonce.get("/v1/customers").send().await?.json()?)
}

fn code(outcome: ToolOutcome) -> ModelErrorCode {
    outcome.into_result().unwrap_err().code
}

#[tokio::test]
async fn a_call_mints_one_nonce_and_leaves_none() {
    let issuer = granting();
    let task = task(&issuer, Probe::new("ask", ask).uses(2)).await;
    let outcome = task.call("ask", json!({})).await;
    assert_eq!(outcome, ToolOutcome::Output(json!({"ok": true})));
    assert_eq!((issuer.minted(), issuer.requests(), issuer.live()), (1, 1, 0));
}

// Leak channel 37.
#[tokio::test]
async fn every_call_mints_anew() {
    let issuer = granting();
    let task = task(&issuer, Probe::new("ask", ask)).await;
    for calls in 1..=3 {
        assert!(task.call("ask", json!({})).await.into_result().is_ok());
        assert_eq!(issuer.minted(), calls);
    }
}

#[tokio::test]
async fn wrong_arguments_and_unknown_tools_mint_nothing() {
    let issuer = granting();
    let task = task(&issuer, Probe::new("ask", ask)).await;
    assert_eq!(
        code(task.call("ask", json!({"nonce": "x"})).await),
        ModelErrorCode::InvalidArguments
    );
    assert_eq!(code(task.call("ask", json!([])).await), ModelErrorCode::InvalidArguments);
    assert_eq!(code(task.call("other", json!({})).await), ModelErrorCode::UnknownTool);
    assert_eq!(issuer.minted(), 0);
}

#[tokio::test]
async fn what_is_not_granted_says_who_asked_for_what() {
    let issuer = MemoryIssuer::new(upstream);
    let task = task(&issuer, Probe::new("ask", ask)).await;
    let error = task.call("ask", json!({})).await.into_result().unwrap_err();
    assert_eq!(error.code, ModelErrorCode::NotGranted);
    assert_eq!(
        error.message,
        "the policy does not grant `read:customers` on `stripe` to agent `agent`"
    );
    assert_eq!(issuer.requests(), 0);
}

#[tokio::test]
async fn one_request_too_many_is_refused_in_the_authors_terms() {
    let issuer = granting();
    let twice = Probe::new("twice", async |mut injection: Injection| {
        let nonce = injection.nonces.remove(0);
        nonce.get("/v1/customers").send().await?;
        let error = nonce.get("/v1/customers").send().await.unwrap_err();
        Ok(json!(error.to_string()))
    });
    let task = task(&issuer, twice).await;
    let outcome = task.call("twice", json!({})).await;
    let says =
        "`twice` made upstream request number 2 to `stripe`, its nonce allows 1; say `uses = 2`";
    assert_eq!(outcome, ToolOutcome::Output(json!(says)));
    assert_eq!(issuer.requests(), 1);
}

// Leak channel 14.
#[tokio::test]
async fn an_error_a_panic_and_a_timeout_end_the_nonce_and_hide_the_cause() {
    let issuer = granting();
    let failing =
        Probe::new("failing", async |_| Err(ToolError::from(std::io::Error::other("canary"))));
    let failed =
        task(&issuer, failing).await.call("failing", json!({})).await.into_result().unwrap_err();
    assert_eq!(
        (failed.code, failed.message.as_str()),
        (ModelErrorCode::ToolFailed, "the tool failed")
    );

    let panicking = Probe::new("panicking", async |_| panic!("canary"));
    let panicked = task(&issuer, panicking)
        .await
        .call("panicking", json!({}))
        .await
        .into_result()
        .unwrap_err();
    assert_eq!(
        (panicked.code, panicked.message.as_str()),
        (ModelErrorCode::ToolFailed, "the tool failed")
    );

    let hanging = Probe::new("hanging", async |injection: Injection| {
        std::future::pending::<()>().await;
        ask(injection).await
    });
    let hanging = task(&issuer, hanging).await;
    assert_eq!(code(hanging.call("hanging", json!({})).await), ModelErrorCode::TimedOut);
    assert_eq!((issuer.minted(), issuer.live()), (3, 0));
}

#[tokio::test]
async fn the_author_decides_what_the_model_reads() {
    let issuer = granting();
    let visible = Probe::new("visible", async |_| {
        Err(ToolError::visible("no such customer").because("canary"))
    });
    let error =
        task(&issuer, visible).await.call("visible", json!({})).await.into_result().unwrap_err();
    assert_eq!(error.message, "no such customer");
}

#[tokio::test]
async fn dropping_the_future_revokes() {
    let issuer = granting();
    let (started, wait) = tokio::sync::oneshot::channel();
    let started = std::sync::Mutex::new(Some(started));
    let hanging = Probe::new("hanging", move |injection: Injection| {
        let started = started.lock().unwrap().take();
        async move {
            started.unwrap().send(()).unwrap();
            std::future::pending::<()>().await;
            ask(injection).await
        }
    });
    let task = Arc::new(task(&issuer, hanging).await);
    let call = tokio::spawn({
        let task = Arc::clone(&task);
        async move { task.call("hanging", json!({})).await }
    });
    wait.await.unwrap();
    assert_eq!(issuer.live(), 1);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    // The revocation runs beside; it needs turns of the executor, not time.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(issuer.live(), 0);
}

#[tokio::test]
async fn a_tool_learns_that_its_call_is_over() {
    let issuer = granting();
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let hanging = Probe::new("hanging", move |injection: Injection| {
        let tell = tell.lock().unwrap().take().unwrap();
        let context = injection.context.clone();
        assert!(!context.is_over());
        tokio::spawn(async move {
            context.over().await;
            tell.send(context.is_over()).unwrap();
        });
        std::future::pending()
    });
    let task = task(&issuer, hanging).await;
    assert_eq!(code(task.call("hanging", json!({})).await), ModelErrorCode::TimedOut);
    assert!(told.await.unwrap());
}

#[tokio::test]
async fn progress_reaches_the_listener_under_the_calls_id() {
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let reporting = Probe::new("reporting", async |injection: Injection| {
        injection.context.progress(Progress::new(1.0).of(2.0).message("half"));
        Ok(Value::Null)
    });
    let listener = Arc::clone(&heard);
    let agent = Agent::builder("agent")
        .issuer(granting())
        .tools(Toolbox::new().with(reporting))
        .on_progress(move |call, progress| {
            listener.lock().unwrap().push((call.to_string(), progress.clone()));
        });
    let task = agent.build().unwrap().task("task-1").await.unwrap();
    let call = "call-1".parse().unwrap();
    assert!(task.call_with_id(call, "reporting", json!({})).await.into_result().is_ok());
    let expected = Progress::new(1.0).of(2.0).message("half");
    assert_eq!(*heard.lock().unwrap(), [("call-1".to_owned(), expected)]);
}

#[tokio::test]
async fn a_nonce_that_a_tool_keeps_is_of_no_use_after_the_call() {
    let issuer = granting();
    let kept = Arc::new(std::sync::Mutex::new(None));
    let keep = Arc::clone(&kept);
    let keeping = Probe::new("keeping", move |mut injection: Injection| {
        *keep.lock().unwrap() = Some(injection.nonces.remove(0));
        async { Ok(Value::Null) }
    });
    assert!(task(&issuer, keeping).await.call("keeping", json!({})).await.into_result().is_ok());
    let nonce = kept.lock().unwrap().take().unwrap();
    let error = nonce.get("/v1/customers").send().await.unwrap_err();
    assert_eq!(error, RequestError::CallOver);
    assert_eq!(issuer.requests(), 0);
}

#[tokio::test]
async fn a_finished_task_takes_no_calls() {
    let issuer = granting();
    let task = task(&issuer, Probe::new("ask", ask)).await;
    let nonce = task.nonce("stripe", "read:customers", Duration::from_mins(5)).await.unwrap();
    assert_eq!(nonce.scope(), "read:customers");
    task.finish().await.unwrap();
    task.finish().await.unwrap();
    assert_eq!(code(task.call("ask", json!({})).await), ModelErrorCode::TaskOver);
    let second = task.nonce("stripe", "read:customers", Duration::from_mins(5)).await;
    assert!(matches!(second, Err(TaskError::Finished)));
    assert!(nonce.get("/v1/customers").send().await.is_err());
}

#[tokio::test]
async fn odd_paths_are_refused_before_anything_is_spent() {
    let issuer = granting();
    let task = task(&issuer, Probe::new("ask", ask)).await;
    let nonce = task.nonce("stripe", "read:customers", Duration::from_mins(5)).await.unwrap();
    for path in ["", "v1", "/v1?x=1", "/v1#x", "/a b", "/é"] {
        let error = nonce.get(path).send().await.unwrap_err();
        assert_eq!(error, RequestError::InvalidPath, "{path:?}");
    }
    assert_eq!(issuer.requests(), 0);
    assert!(nonce.get("/v1/customers").send().await.is_ok());
}

#[test]
fn two_tools_of_one_name_do_not_build() {
    let toolbox = Toolbox::new().with(Probe::new("ask", ask)).with(Probe::new("ask", ask));
    let built = Agent::builder("agent").issuer(granting()).tools(toolbox).build();
    assert_eq!(built.err(), Some(BuildError::DuplicateTool { tool: "ask".to_owned() }));
}

#[test]
fn an_agent_without_issuer_does_not_build() {
    assert_eq!(Agent::builder("agent").build().err(), Some(BuildError::MissingIssuer));
}

/// A tool whose arguments are an array.
struct Odd;

impl Tool for Odd {
    fn definition(&self) -> ToolDefinition {
        let mut definition = ToolDefinition::new("odd", "Odd.");
        definition.input_schema = json!({"type": "array"});
        definition
    }

    fn prepare(&self, _: Arguments) -> Result<Invocation, ArgumentError> {
        Ok(Invocation::new(async |_| Ok(Value::Null)))
    }
}

#[test]
fn arguments_that_are_no_object_do_not_build() {
    let built = Agent::builder("agent").issuer(granting()).tools(Toolbox::new().with(Odd)).build();
    assert_eq!(built.err(), Some(BuildError::ArgumentsNotAnObject { tool: "odd".to_owned() }));
}
