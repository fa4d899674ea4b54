//! What a task still has to do after the caller went away: revoking, above all.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

/// Work of one task that nobody awaits until the task is finished.
#[derive(Default)]
pub(crate) struct Background(Mutex<JoinSet<()>>);

impl Background {
    /// Starts work. False without a running executor, where nothing can be started.
    pub(crate) fn start(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let Ok(executor) = Handle::try_current() else { return false };
        let work = work.in_current_span().with_current_subscriber();
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn_on(work, &executor);
        true
    }

    /// Waits until all work is done, or for `limit`. What is left then goes on by itself.
    pub(crate) async fn settle(&self, limit: Duration) {
        let take = || std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut running = take();
        let all = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("some nonces were not revoked in time, their TTL ends them");
        }
        running.detach_all();
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A JoinSet would abort its work.
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).detach_all();
    }
}
