//! The breaker: an upstream that fails again and again, or asks for patience, is left alone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;
use http::StatusCode;

/// Whether requests go to one service. It opens after [`MOST_FAILURES`] in a row, or when the
/// upstream says how long to wait; then one request is let through to try, and if that goes
/// well, all are.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All requests pass. So many failed in a row.
    Closed(u32),
    /// None passes until then, and one after it.
    Open(UnixTime),
    /// One is under way. If nothing is heard of it until then, another one may try.
    Trying(UnixTime),
}

impl Default for State {
    fn default() -> Self {
        Self::Closed(0)
    }
}

/// How a request ended that the breaker let through.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ended {
    /// With an answer.
    Answered { status: StatusCode, retry_after: Option<Duration> },
    /// Without an answer: there was no connection, it broke off, or time ran out.
    Failed,
    /// By its caller, so that nothing is known of the upstream.
    CutOff,
}

impl Breaker {
    /// Lets a request through, or says how long to wait.
    pub(super) fn admit(&self, now: UnixTime) -> Result<(), Duration> {
        let mut state = self.state();
        match *state {
            State::Closed(_) => Ok(()),
            State::Open(until) | State::Trying(until) if now < until => Err(until.since(now)),
            State::Open(_) | State::Trying(_) => {
                *state = State::Trying(now + LONGEST_TRY);
                Ok(())
            }
        }
    }

    /// Takes note of how a request ended.
    pub(super) fn note(&self, ended: Ended, now: UnixTime) {
        let mut state = self.state();
        *state = match (ended, *state) {
            (Ended::Answered { status, retry_after: Some(wait) }, _) if asks_to_wait(status) => {
                State::Open(now + wait.min(LONGEST_WAIT))
            }
            (Ended::Answered { status, .. }, State::Closed(_) | State::Trying(_))
                if !is_failure(status) =>
            {
                State::Closed(0)
            }
            // The next one may try in its place.
            (Ended::CutOff, State::Trying(_)) => State::Open(now),
            (Ended::CutOff, State::Closed(failures)) => State::Closed(failures),
            // A request from before it opened tells nothing new.
            (_, State::Open(until)) => State::Open(until),
            (_, State::Closed(failures)) if failures + 1 < MOST_FAILURES => {
                State::Closed(failures + 1)
            }
            (_, State::Closed(_) | State::Trying(_)) => State::Open(now + PAUSE),
        };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What servers and the proxies before them say when they cannot serve anybody. Any other
/// status may be about this one request.
fn is_failure(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

fn asks_to_wait(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

/// How many failures in a row open it.
const MOST_FAILURES: u32 = 5;

/// How long it stays open then.
const PAUSE: Duration = Duration::from_secs(10);

/// The longest wait that an upstream can ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// How long the one request may take that tries.
const LONGEST_TRY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_millis(1_800_000_000_000);

    fn answered(status: u16, retry_after: Option<u64>) -> Ended {
        Ended::Answered {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn opened() -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..MOST_FAILURES {
            breaker.admit(START).unwrap();
            breaker.note(Ended::Failed, START);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        for ended in [Ended::Failed, answered(502, None), answered(503, None), answered(504, None)]
        {
            let breaker = Breaker::default();
            for _ in 1..MOST_FAILURES {
                breaker.note(ended, START);
            }
            breaker.note(answered(500, None), START);
            for _ in 1..MOST_FAILURES {
                breaker.note(ended, START);
                assert!(breaker.admit(START).is_ok());
            }
            breaker.note(ended, START);
            assert_eq!(breaker.admit(START), Err(PAUSE), "{ended:?}");
        }
    }

    #[test]
    fn one_request_tries_and_its_end_decides() {
        let breaker = opened();
        let later = START + PAUSE;
        assert_eq!(breaker.admit(START + Duration::from_secs(9)), Err(Duration::from_secs(1)));
        assert!(breaker.admit(later).is_ok());
        assert_eq!(breaker.admit(later), Err(LONGEST_TRY));
        breaker.note(Ended::Failed, later);
        assert_eq!(breaker.admit(later), Err(PAUSE));
        let later = later + PAUSE;
        assert!(breaker.admit(later).is_ok());
        breaker.note(answered(200, None), later);
        assert!(breaker.admit(later).is_ok() && breaker.admit(later).is_ok());
    }

    #[test]
    fn a_try_that_is_never_heard_of_is_followed_by_another_one() {
        let breaker = opened();
        assert!(breaker.admit(START + PAUSE).is_ok());
        assert!(breaker.admit(START + PAUSE + LONGEST_TRY).is_ok());
        assert!(breaker.admit(START + PAUSE + LONGEST_TRY).is_err());
    }

    #[test]
    fn a_request_that_its_caller_cut_off_decides_nothing() {
        let breaker = opened();
        breaker.note(Ended::CutOff, START);
        assert_eq!(breaker.admit(START), Err(PAUSE));
        let later = START + PAUSE;
        assert!(breaker.admit(later).is_ok() && breaker.admit(later).is_err());
        breaker.note(Ended::CutOff, later);
        assert!(breaker.admit(later).is_ok() && breaker.admit(later).is_err());
        let breaker = Breaker::default();
        for _ in 1..MOST_FAILURES {
            breaker.note(Ended::Failed, START);
        }
        breaker.note(Ended::CutOff, START);
        assert!(breaker.admit(START).is_ok());
        breaker.note(Ended::Failed, START);
        assert!(breaker.admit(START).is_err());
    }

    #[test]
    fn an_upstream_that_asks_for_patience_gets_it_up_to_a_limit() {
        for (status, retry_after, expected) in [
            (429, Some(3), Err(Duration::from_secs(3))),
            (503, Some(3), Err(Duration::from_secs(3))),
            (503, Some(u64::MAX), Err(LONGEST_WAIT)),
            (429, None, Ok(())),
            (429, Some(0), Ok(())),
            (200, Some(3), Ok(())),
            (301, Some(3), Ok(())),
        ] {
            let breaker = Breaker::default();
            breaker.note(answered(status, retry_after), START);
            assert_eq!(breaker.admit(START), expected, "{status} {retry_after:?}");
        }
    }
}
