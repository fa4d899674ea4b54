//! Patience with a store that cannot be asked: it is left alone, each time for longer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::clock::{Clock, UnixTime};
use aws_lc_rs::rand::SecureRandom;

use super::Unavailable;
use super::failure::Failure;

/// When a store may be asked again. The waits double up to [`LONGEST`], and each is cut by up to
/// a half at random, so that several issuers do not come back at once.
pub(crate) struct Backoff {
    state: Mutex<State>,
    random: Arc<dyn SecureRandom + Send + Sync>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    held_back: Option<(UnixTime, Unavailable)>,
}

impl Backoff {
    pub(crate) fn new(random: Arc<dyn SecureRandom + Send + Sync>) -> Self {
        Self { state: Mutex::default(), random }
    }

    /// Asks when it may. What cannot be asked now is left alone for a while.
    pub(super) async fn around<T>(
        &self,
        clock: &dyn Clock,
        asking: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        self.admit(clock.now()).map_err(Failure::Unavailable)?;
        let answered = asking.await;
        match &answered {
            Err(Failure::Unavailable(cause)) => self.failed(*cause, clock.now()),
            _ => self.succeeded(),
        }
        answered
    }

    /// Lets a question through, or tells why the last one failed.
    fn admit(&self, now: UnixTime) -> Result<(), Unavailable> {
        match self.state().held_back {
            Some((until, cause)) if now < until => Err(cause),
            _ => Ok(()),
        }
    }

    fn failed(&self, cause: Unavailable, now: UnixTime) {
        let mut state = self.state();
        let wait = FIRST.saturating_mul(1 << state.failures.min(MOST_DOUBLED)).min(LONGEST);
        state.failures += 1;
        state.held_back = Some((now + wait.saturating_sub(self.cut(wait / 2)), cause));
        let failures = state.failures;
        drop(state);
        tracing::warn!(%cause, failures, "the secret store cannot be asked");
    }

    fn succeeded(&self) {
        let before = std::mem::take(&mut *self.state());
        if before.failures > 0 {
            tracing::info!(failures = before.failures, "the secret store answers again");
        }
    }

    /// A part of a time, at random.
    fn cut(&self, most: Duration) -> Duration {
        let mut byte = [0];
        // Without randomness the wait is the whole one.
        let _ = self.random.fill(&mut byte);
        most * u32::from(byte[0]) / 256
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backoff").field(&*self.state()).finish()
    }
}

const FIRST: Duration = Duration::from_millis(500);
/// A store that is back is used again within this time.
const LONGEST: Duration = Duration::from_secs(10);
const MOST_DOUBLED: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;

    const START: UnixTime = UnixTime::from_millis(1_800_000_000_000);

    #[test]
    fn waits_double_are_cut_by_a_half_at_most_and_bounded() {
        for round in 0..50 {
            let backoff = Backoff::new(Arc::new(SystemRandom::new()));
            for wait in [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000] {
                backoff.failed(Unavailable::Sealed, START);
                let at = |millis| backoff.admit(START + Duration::from_millis(millis));
                assert_eq!(at(wait / 2 - 1), Err(Unavailable::Sealed), "{round}: {wait}");
                assert_eq!(at(wait), Ok(()), "{round}: {wait}");
            }
            backoff.succeeded();
            assert_eq!(backoff.admit(START), Ok(()));
            backoff.failed(Unavailable::Slow, START);
            assert_eq!(backoff.admit(START + FIRST), Ok(()));
        }
    }
}
