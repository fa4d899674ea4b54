//! Calls every tool of a toolbox with a hostile upstream and searches all that comes out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use tracing::instrument::WithSubscriber as _;

use super::arguments::sample;
use super::echo::Echo;
use super::logs::CapturedLogs;
use super::oracle::Oracle;
use super::report::{Leak, LeakReport, Sink};
use crate::agent::{Agent, TaskError};
use crate::egress::EgressResponse;
use crate::issuer::MemoryIssuer;
use crate::panics;
use crate::task::Task;
use crate::toolbox::Toolbox;

/// Runs every tool of a toolbox with an upstream that sends the call's nonce back in every
/// encoding and place that the kit knows, and searches schemas, outcomes, logs, panics, progress
/// and the `Debug` of public values for it.
///
/// ```
/// # use agentcred_runtime::{Toolbox, testing::LeakProbe};
/// # use serde_json::json;
/// # async fn test(toolbox: Toolbox) {
/// LeakProbe::new(toolbox)
///     .arguments("find_customers", json!({"email": "ada@example.com"}))
///     .answer(json!({"data": [{"id": LeakProbe::NONCE, "email": LeakProbe::NONCE}]}))
///     .run()
///     .await
///     .assert_clean();
/// # }
/// ```
///
/// # Security
/// It catches what a tool leaks through the kit's own sinks. A file or a socket that the tool
/// opens itself is out of its sight.
#[must_use = "a probe does nothing until `.run().await`"]
pub struct LeakProbe {
    toolbox: Toolbox,
    arguments: BTreeMap<String, Value>,
    answers: Vec<Value>,
}

impl LeakProbe {
    /// Stands in an answer for the nonce in whichever encoding is next.
    pub const NONCE: &str = "{nonce}";

    /// A probe of these tools. Everything that they ask for is granted.
    pub fn new(toolbox: Toolbox) -> Self {
        Self { toolbox, arguments: BTreeMap::new(), answers: Vec::new() }
    }

    /// Calls a tool with these arguments, in place of ones made up from its schema.
    pub fn arguments(mut self, tool: &str, arguments: Value) -> Self {
        self.arguments.insert(tool.to_owned(), arguments);
        self
    }

    /// Adds an answer of the upstream, in the shape that the tools expect, with [`Self::NONCE`]
    /// in keys and texts.
    pub fn answer(mut self, answer: Value) -> Self {
        self.answers.push(answer);
        self
    }

    /// Runs the calls: for each tool, encoding and place one.
    pub async fn run(mut self) -> LeakReport {
        self.answers.push(json!({
            "id": Self::NONCE, "data": [{"id": Self::NONCE}, Self::NONCE], Self::NONCE: true,
        }));
        // While there is one subscriber alone, `tracing` asks the thread that comes first to a line
        // whether anybody listens, and believes it for all threads.
        let _second = tracing::Dispatch::new(CapturedLogs::default());
        let rig = Rig::default();
        let mut report = LeakReport::default();
        let toolbox = std::mem::take(&mut self.toolbox);
        let task = match rig.task(toolbox).await {
            Ok(task) => task,
            Err(error) => {
                report.refuse(error);
                return report;
            }
        };
        let places: Vec<Place> =
            self.answers.iter().cloned().map(Place::Json).chain(Place::OTHERS).collect();
        for definition in task.tools() {
            let arguments = self.arguments.get(&definition.name).cloned();
            let arguments =
                arguments.unwrap_or_else(|| sample(&definition.input_schema, "probe@example.com"));
            for echo in Echo::ALL {
                for place in &places {
                    rig.set(echo, place);
                    let observed = rig.call(&task, &definition.name, arguments.clone()).await;
                    rig.search(&mut report, &definition.name, echo, &observed);
                }
            }
            let told = format!(
                "{definition:?} {} {:?}",
                definition.input_schema, definition.output_schema
            );
            rig.search(&mut report, &definition.name, None, &[(Sink::Schema, told)]);
        }
        report
    }
}

/// Where in an answer the nonce comes back.
#[derive(Clone)]
enum Place {
    Json(Value),
    Pieces,
    Numbers,
    Text,
    Header,
    Error,
}

impl Place {
    const OTHERS: [Self; 5] = [Self::Pieces, Self::Numbers, Self::Text, Self::Header, Self::Error];

    fn answer(&self, echoed: &str) -> EgressResponse {
        let pieces = || echoed.chars().collect::<Vec<_>>();
        match self {
            Self::Json(template) => ok(filled(template, echoed).to_string()),
            Self::Pieces => {
                let pieces =
                    pieces().chunks(7).map(|piece| piece.iter().collect()).collect::<Vec<String>>();
                ok(json!({"data": pieces}).to_string())
            }
            Self::Numbers => ok(json!(echoed.as_bytes()).to_string()),
            Self::Text => ok(format!("no such page: {echoed}")),
            Self::Header => {
                let mut answer = ok("{}".to_owned());
                if let Ok(value) = HeaderValue::from_str(echoed) {
                    answer.headers.insert("x-request-token", value);
                }
                answer
            }
            Self::Error => EgressResponse::new(
                StatusCode::UNAUTHORIZED,
                json!({"error": format!("the token {echoed} is not known")}).to_string(),
            ),
        }
    }
}

fn ok(body: String) -> EgressResponse {
    EgressResponse::new(StatusCode::OK, body)
}

fn filled(template: &Value, echoed: &str) -> Value {
    let text = |text: &String| text.replace(LeakProbe::NONCE, echoed);
    match template {
        Value::String(content) => Value::String(text(content)),
        Value::Array(items) => items.iter().map(|item| filled(item, echoed)).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, member)| (text(key), filled(member, echoed))).collect()
        }
        other => other.clone(),
    }
}

/// How many calls back nonces are looked for.
const CALLS_KEPT: usize = 2;

/// The upstream's next answer, the nonces of the last calls, and what is logged in them.
#[derive(Clone, Default)]
struct Rig {
    next: Arc<Mutex<Option<(Echo, Place)>>>,
    nonces: Arc<Mutex<Vec<Vec<Oracle>>>>,
    logs: CapturedLogs,
    progress: Arc<Mutex<Vec<String>>>,
}

impl Rig {
    /// A task whose tools report their progress to this rig.
    async fn task(&self, toolbox: Toolbox) -> Result<Task, TaskError> {
        let heard = Arc::clone(&self.progress);
        let agent = Agent::builder("tester")
            .issuer(self.issuer())
            .tools(toolbox)
            .on_progress(move |call, progress| {
                lock(&heard).push(format!("{call} {progress:?}"));
            })
            .build()?;
        agent.task("test").await
    }

    fn issuer(&self) -> MemoryIssuer {
        let (next, nonces) = (Arc::clone(&self.next), Arc::clone(&self.nonces));
        MemoryIssuer::echoing(
            move |nonce| {
                if let Some(call) = lock(&nonces).last_mut() {
                    call.push(Oracle::new(nonce));
                }
            },
            move |_, nonce| match &*lock(&next) {
                Some((echo, place)) => place.answer(&echo.encode(nonce)),
                None => ok("{}".to_owned()),
            },
        )
    }

    fn set(&self, echo: Echo, place: &Place) {
        *lock(&self.next) = Some((echo, place.clone()));
    }

    /// Runs one call and gives all that came out of it.
    async fn call(&self, task: &Task, tool: &str, arguments: Value) -> Vec<(Sink, String)> {
        // The nonces of the call before may not come out of this one either.
        {
            let mut calls = lock(&self.nonces);
            calls.push(Vec::new());
            let older = calls.len().saturating_sub(CALLS_KEPT);
            calls.drain(..older);
        }
        let watch = panics::Watch::start();
        let outcome = task.call(tool, arguments).with_subscriber(self.logs.clone()).await;
        let debug = format!("{outcome:?}");
        let told = match outcome.into_result() {
            Ok(value) => value.to_string(),
            Err(error) => format!("{error} {}", json!(error)),
        };
        vec![
            (Sink::Outcome, told),
            (Sink::Debug, debug),
            (Sink::Logs, self.logs.take()),
            (Sink::Panic, watch.take()),
            (Sink::Progress, std::mem::take(&mut *lock(&self.progress)).join("\n")),
        ]
    }

    fn search(
        &self,
        report: &mut LeakReport,
        tool: &str,
        echo: impl Into<Option<Echo>>,
        observed: &[(Sink, String)],
    ) {
        let calls = lock(&self.nonces);
        let echo = echo.into();
        for (sink, text) in observed.iter().filter(|(_, text)| !text.is_empty()) {
            let leaking = calls.iter().flatten().any(|nonce| nonce.finds(text.as_bytes()));
            report.observe(leaking, || Leak { tool: tool.to_owned(), sink: *sink, echo }, *sink);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
