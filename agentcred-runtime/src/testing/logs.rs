//! Everything that is logged by way of `tracing`, at every level, as text.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// Catches logs: names, targets and all fields of every span and event down to TRACE.
///
/// ```
/// use agentcred_runtime::testing::CapturedLogs;
///
/// let logs = CapturedLogs::default();
/// tracing::subscriber::with_default(logs.clone(), || tracing::trace!(answer = 42, "asked"));
/// assert!(logs.take().contains("answer=42"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct CapturedLogs {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    text: Mutex<String>,
    spans: AtomicU64,
}

impl CapturedLogs {
    /// What was logged since the last time, one line for each span and event.
    pub fn take(&self) -> String {
        std::mem::take(&mut *self.inner.text.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, name: &str, target: &str, fields: impl FnOnce(&mut Line)) {
        let mut line = Line(format!("{target} {name}"));
        fields(&mut line);
        line.0.push('\n');
        self.inner.text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line.0);
    }
}

impl Subscriber for CapturedLogs {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let metadata = span.metadata();
        self.write(metadata.name(), metadata.target(), |line| span.record(line));
        Id::from_u64(self.inner.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.write("record", "", |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        self.write(metadata.name(), metadata.target(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

impl Line {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = write!(self.0, " {}={value}", field.name());
    }
}
