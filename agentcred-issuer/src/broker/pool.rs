//! Connections that wait for the next request: one in HTTP/2 for all, others for one task each.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use agentcred_protocol::clock::{Clock, UnixTime};
use agentcred_protocol::names::{AgentId, TaskId};

use crate::call::Call;
use crate::connection::Connection;

/// The connections of one service.
///
/// # Security
/// In HTTP/1.1 whatever arrives is taken for the answer of the request that was sent last. A
/// connection is kept only after a regular answer that was read to its end, and used again only
/// while nothing has arrived since. What comes later still meets a request of the same task, and
/// of nobody else. HTTP/2 numbers its answers.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    shared: Option<Idle>,
    by_task: HashMap<Holder, Vec<Idle>>,
    is_swept: bool,
}

/// Whom a connection is kept for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Holder {
    agent: AgentId,
    task: TaskId,
}

impl From<&Call> for Holder {
    fn from(call: &Call) -> Self {
        Self { agent: call.agent.clone(), task: call.task.clone() }
    }
}

/// A connection with its age: names are resolved anew for the next one.
pub(super) struct Aged {
    pub(super) connection: Connection,
    pub(super) opened: UnixTime,
}

struct Idle {
    aged: Aged,
    since: UnixTime,
}

impl Pool {
    /// A connection that is ready for a request of this task.
    pub(super) fn take(&self, holder: &Holder, now: UnixTime) -> Option<Aged> {
        let mut kept = self.kept();
        kept.drop_old(now);
        let idle = kept.by_task.get_mut(holder)?;
        std::iter::from_fn(|| idle.pop()).map(|it| it.aged).find(|it| it.connection.is_ready())
    }

    /// The connection that serves everybody, if there is one.
    pub(super) fn shared(&self, now: UnixTime) -> Option<Aged> {
        let mut kept = self.kept();
        kept.drop_old(now);
        let idle = kept.shared.as_mut().filter(|it| it.aged.connection.is_ready())?;
        idle.since = now;
        Some(Aged { connection: idle.aged.connection.shared()?, opened: idle.aged.opened })
    }

    /// Lets others use a new connection too, when its version of HTTP allows that.
    pub(super) fn share(self: &Arc<Self>, aged: &Aged, clock: &Arc<dyn Clock>) {
        if let Some(connection) = aged.connection.shared() {
            let aged = Aged { connection, opened: aged.opened };
            self.kept().shared = Some(Idle { aged, since: clock.now() });
            self.sweep(clock);
        }
    }

    /// Shares no connection any more until there is a new one: the one that was shared may lead
    /// nowhere. What is under way over it goes on.
    pub(super) fn stop_sharing(&self) {
        self.kept().shared = None;
    }

    /// Keeps a connection for the task's next request.
    pub(super) fn keep(self: &Arc<Self>, holder: Holder, aged: Aged, clock: &Arc<dyn Clock>) {
        let now = clock.now();
        let mut kept = self.kept();
        kept.drop_old(now);
        if kept.by_task.values().map(Vec::len).sum::<usize>() < MOST_IDLE {
            kept.by_task.entry(holder).or_default().push(Idle { aged, since: now });
        }
        drop(kept);
        self.sweep(clock);
    }

    /// Closes what nobody asked for again, for as long as there is anything.
    fn sweep(self: &Arc<Self>, clock: &Arc<dyn Clock>) {
        if std::mem::replace(&mut self.kept().is_swept, true) {
            return;
        }
        let (pool, clock): (Weak<Self>, _) = (Arc::downgrade(self), Arc::clone(clock));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LONGEST_IDLE).await;
                let Some(pool) = pool.upgrade() else { return };
                let mut kept = pool.kept();
                kept.drop_old(clock.now());
                if kept.shared.is_none() && kept.by_task.is_empty() {
                    kept.is_swept = false;
                    return;
                }
            }
        });
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn drop_old(&mut self, now: UnixTime) {
        let is_young = |idle: &Idle| {
            now.since(idle.since) < LONGEST_IDLE && now.since(idle.aged.opened) < LONGEST_LIFE
        };
        self.shared = self.shared.take().filter(is_young);
        self.by_task.retain(|_, idle| {
            idle.retain(is_young);
            !idle.is_empty()
        });
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool(..)")
    }
}

/// How long a connection may wait. Servers wait longer, so that few are closed under a request.
const LONGEST_IDLE: Duration = Duration::from_secs(10);

/// How old a connection may be when a request is sent over it.
const LONGEST_LIFE: Duration = Duration::from_mins(1);

/// How many may wait. One that finds no place is closed.
const MOST_IDLE: usize = 128;
