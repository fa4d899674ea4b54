//! A clock that never goes back: lifetimes end when they should, whatever is done to the wall clock.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use agentcred_protocol::clock::{Clock, SystemClock, UnixTime};

/// The time of day, kept going by a clock that nobody can set.
///
/// When the wall clock is set forward this clock follows. When it is set back, this clock goes on
/// from where it was, so that no nonce lives longer and no proof that was forgotten is new again.
/// It is then ahead of the wall clock until the process is restarted, and says so in the log.
pub struct SteadyClock {
    wall: Arc<dyn Clock>,
    ticks: Arc<dyn Clock>,
    last: Mutex<Last>,
}

/// What was told last, and what both clocks showed then.
#[derive(Clone, Copy)]
struct Last {
    told: UnixTime,
    ticks: UnixTime,
    is_ahead: bool,
}

impl SteadyClock {
    /// The machine's clock, kept steady.
    pub fn system() -> Self {
        Self::of(Arc::new(SystemClock), Arc::new(Ticks(Instant::now())))
    }

    /// A wall clock, and one that only goes on; what that one shows does not matter.
    pub fn of(wall: Arc<dyn Clock>, ticks: Arc<dyn Clock>) -> Self {
        let last = Last { told: wall.now(), ticks: ticks.now(), is_ahead: false };
        Self { wall, ticks, last: Mutex::new(last) }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> UnixTime {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, ticks) = (self.wall.now(), self.ticks.now());
        let least = last.told + ticks.since(last.ticks);
        let ahead = least.since(wall);
        let is_ahead = ahead > TOLERANCE;
        if is_ahead && !last.is_ahead {
            tracing::error!(
                seconds = ahead.as_secs(),
                "the machine's clock was set back; time goes on from before until a restart"
            );
        }
        *last = Last { told: wall.max(least), ticks, is_ahead };
        last.told
    }
}

impl fmt::Debug for SteadyClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SteadyClock").finish_non_exhaustive()
    }
}

/// Time since the process began to count.
struct Ticks(Instant);

impl Clock for Ticks {
    fn now(&self) -> UnixTime {
        UnixTime::from_millis(0) + self.0.elapsed()
    }
}

/// How far the clocks may drift apart before it is worth a line.
const TOLERANCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use agentcred_protocol::clock::ManualClock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A wall clock that somebody sets.
    struct Wall(AtomicU64);

    impl Clock for Wall {
        fn now(&self) -> UnixTime {
            UnixTime::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    fn clocks() -> (Arc<Wall>, Arc<ManualClock>, SteadyClock) {
        let wall = Arc::new(Wall(AtomicU64::new(10_000_000)));
        let ticks = Arc::new(ManualClock::at(UnixTime::from_millis(7)));
        let steady = SteadyClock::of(Arc::clone(&wall) as _, Arc::clone(&ticks) as _);
        (wall, ticks, steady)
    }

    #[test]
    fn a_wall_clock_that_is_set_back_stops_no_lifetime() {
        let (wall, ticks, steady) = clocks();
        wall.0.store(1_000_000, Ordering::SeqCst);
        assert_eq!(steady.now().millis(), 10_000_000);
        ticks.advance(Duration::from_mins(1));
        assert_eq!(steady.now().millis(), 10_060_000);
        wall.0.store(0, Ordering::SeqCst);
        assert_eq!(steady.now().millis(), 10_060_000);
    }

    #[test]
    fn a_wall_clock_that_is_set_forward_is_followed_for_good() {
        let (wall, ticks, steady) = clocks();
        wall.0.store(20_000_000, Ordering::SeqCst);
        assert_eq!(steady.now().millis(), 20_000_000);
        wall.0.store(10_000_000, Ordering::SeqCst);
        ticks.advance(Duration::from_secs(1));
        assert_eq!(steady.now().millis(), 20_001_000);
    }
}
