//! Refusals of callers who proved nothing: so many a minute have a line each in the audit, and the
//! rest are summed up in one. A flood of them must not fill the disk.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;

/// Counts refusals of strangers.
#[derive(Debug)]
pub(crate) struct Strangers {
    /// How many may have a line of their own in each period.
    most: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    began: Option<UnixTime>,
    written: u32,
    dropped: Option<Dropped>,
}

/// Refusals that have no line of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) count: u64,
    /// When the first and the last of them were.
    pub(crate) from: UnixTime,
    pub(crate) to: UnixTime,
}

impl Strangers {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// Whether a refusal has a line of its own. Otherwise it is counted.
    pub(crate) fn admit(&self, now: UnixTime) -> bool {
        let mut state = self.state();
        if state.is_over(now) {
            state.began = Some(now);
            state.written = 0;
        }
        if state.written < self.most {
            state.written += 1;
            return true;
        }
        state.count(Dropped { count: 1, from: now, to: now });
        false
    }

    /// What was counted in periods that are over. It is for the caller to write down.
    pub(crate) fn sum(&self, now: UnixTime) -> Option<Dropped> {
        let mut state = self.state();
        if state.is_over(now) { state.dropped.take() } else { None }
    }

    /// What was counted so far, at the end of all periods.
    pub(crate) fn sum_all(&self) -> Option<Dropped> {
        self.state().dropped.take()
    }

    /// Counts on, as it could not be written down.
    pub(crate) fn keep(&self, dropped: Dropped) {
        self.state().count(dropped);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_over(&self, now: UnixTime) -> bool {
        self.began.is_none_or(|began| now.since(began) >= PERIOD)
    }

    fn count(&mut self, more: Dropped) {
        self.dropped = Some(match self.dropped {
            None => more,
            Some(before) => Dropped {
                count: before.count.saturating_add(more.count),
                from: before.from.min(more.from),
                to: before.to.max(more.to),
            },
        });
    }
}

/// How often what was counted is written down.
pub(crate) const PERIOD: Duration = Duration::from_mins(1);
