//! Everything that comes out of a call against the real issuer, and the two judges of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;

use agentcred::testing::CapturedLogs;
use agentcred::testing::oracle::Oracle;
use agentcred::{Dialect, Task, Toolbox};
use serde_json::{Value, json};
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;

use crate::printed;
use crate::shapes::Shapes;
use crate::stage::{REAL_KEY, Stage};

/// Where something comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sink {
    Schema,
    Outcome,
    Debug,
    Logs,
    Panics,
    Audit,
}

/// Who found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judge {
    /// Knows the secrets and sees through encodings.
    Oracle,
    /// Knows shapes alone.
    Shapes,
}

/// Looks at every sink of the calls on one stage. What was empty is no observation.
pub(crate) struct Watch<'a> {
    stage: &'a Stage,
    logs: CapturedLogs,
    _guard: DefaultGuard,
    _second: Dispatch,
    audit: File,
    shapes: Shapes,
    /// Secrets that outlive a call: keys and grants.
    lasting: Vec<Oracle>,
    /// The nonces of the call that was watched last, and of the one before it.
    nonces: [Vec<Oracle>; 2],
    heard: usize,
    pub(crate) observed: BTreeMap<Sink, usize>,
    pub(crate) found: Vec<(Sink, Judge)>,
}

impl<'a> Watch<'a> {
    /// Watches from now on. Logs are those of this thread: agent and vault side alike.
    pub(crate) fn start(stage: &'a Stage) -> Self {
        let logs = CapturedLogs::default();
        let key: Value = serde_json::from_slice(&std::fs::read(stage.key_file()).unwrap()).unwrap();
        Self {
            stage,
            // While there is one subscriber alone, `tracing` asks the thread that comes first to a
            // line whether anybody listens, and believes it for all threads.
            _second: Dispatch::new(CapturedLogs::default()),
            _guard: tracing::subscriber::set_default(logs.clone()),
            logs,
            audit: File::open(stage.audit_file()).unwrap(),
            shapes: Shapes::new(),
            lasting: [REAL_KEY, key["d"].as_str().unwrap()].map(Oracle::new).into(),
            nonces: [Vec::new(), Vec::new()],
            heard: 0,
            observed: BTreeMap::new(),
            found: Vec::new(),
        }
    }

    /// Searches what a model is told of the tools, in every provider's form.
    pub(crate) fn schemas(&mut self, toolbox: &Toolbox) {
        for dialect in Dialect::ALL {
            for schema in toolbox.schemas(dialect).unwrap_or_default() {
                self.search(Sink::Schema, &schema.to_string());
            }
        }
    }

    /// Calls a tool and searches everything that comes out.
    pub(crate) async fn call(&mut self, task: &Task, tool: &str) {
        let outcome = task.call(tool, json!({})).await;
        let debug = format!("{outcome:?}");
        let told = match outcome.into_result() {
            Ok(value) => value.to_string(),
            Err(error) => format!("{error} {}", json!(error)),
        };
        let mut audit = String::new();
        self.audit.read_to_string(&mut audit).unwrap();
        self.learn();
        for (sink, text) in [
            (Sink::Outcome, told),
            (Sink::Debug, debug),
            (Sink::Logs, self.logs.take()),
            (Sink::Panics, printed::take()),
            (Sink::Audit, audit),
        ] {
            self.search(sink, &text);
        }
    }

    /// Takes up the secrets that were heard on the wire since the last time.
    fn learn(&mut self) {
        self.nonces.swap(0, 1);
        self.nonces[0].clear();
        let fresh = self.stage.heard().since(self.heard);
        self.heard += fresh.len();
        for token in fresh {
            let kept =
                if token.starts_with("acn_") { &mut self.nonces[0] } else { &mut self.lasting };
            kept.push(Oracle::new(&token));
        }
    }

    /// Has both judges look at one output.
    pub(crate) fn search(&mut self, sink: Sink, text: &str) {
        if text.is_empty() {
            return;
        }
        *self.observed.entry(sink).or_default() += 1;
        let mut secrets = self.lasting.iter().chain(self.nonces.iter().flatten());
        if secrets.any(|secret| secret.finds(text.as_bytes())) {
            self.found.push((sink, Judge::Oracle));
        }
        if !self.shapes.seen_in(text.as_bytes()).is_empty() {
            self.found.push((sink, Judge::Shapes));
        }
    }
}
