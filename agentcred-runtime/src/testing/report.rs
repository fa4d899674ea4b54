//! What a probe found.

use std::collections::BTreeMap;
use std::fmt;

use super::echo::Echo;
use crate::agent::TaskError;

/// A place where a credential must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Sink {
    /// What the model is told about the tool.
    Schema,
    /// The result or error that goes back to the model.
    Outcome,
    /// Spans and events at every level.
    Logs,
    /// What a panic prints.
    Panic,
    /// The `Debug` of public values that a program may log.
    Debug,
    /// What the agent hears of the tool's progress.
    Progress,
}

/// One observation that held the credential. It says where and not what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leak {
    /// The tool.
    pub tool: String,
    /// Where the credential was.
    pub sink: Sink,
    /// How the upstream had sent it, when it had.
    pub echo: Option<Echo>,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` let its nonce into {:?}", self.tool, self.sink)?;
        match self.echo {
            Some(echo) => write!(f, " after the upstream sent it as {echo:?}"),
            None => Ok(()),
        }
    }
}

/// The observations of a probe, counted, and the leaks among them.
#[derive(Clone, Debug, Default)]
#[must_use = "a report says nothing until it is asked, as by `.assert_clean()`"]
pub struct LeakReport {
    observed: BTreeMap<Sink, u64>,
    leaks: Vec<Leak>,
    refused: Option<TaskError>,
}

impl LeakReport {
    pub(super) fn refuse(&mut self, error: TaskError) {
        self.refused = Some(error);
    }

    pub(super) fn observe(&mut self, leaking: bool, leak: impl FnOnce() -> Leak, sink: Sink) {
        *self.observed.entry(sink).or_default() += 1;
        if leaking {
            self.leaks.push(leak());
        }
    }

    /// How many outputs were searched. A sink that stayed empty is none.
    pub fn observations(&self) -> u64 {
        self.observed.values().sum()
    }

    /// How many outputs of one sink were searched.
    pub fn observed(&self, sink: Sink) -> u64 {
        self.observed.get(&sink).copied().unwrap_or_default()
    }

    /// Every leak.
    pub fn leaks(&self) -> &[Leak] {
        &self.leaks
    }

    /// Ends the test when there was a leak, or when nothing was looked at.
    ///
    /// # Panics
    /// In those two cases.
    #[track_caller]
    pub fn assert_clean(&self) {
        if let Some(error) = &self.refused {
            assert!(self.refused.is_none(), "the tools could not be called: {error}");
        }
        assert!(self.observations() > 0, "nothing was observed; has the toolbox any tools?");
        let leaks: Vec<_> = self.leaks.iter().map(Leak::to_string).collect();
        assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    }
}
