//! Rates: how often an agent may ask for grants and nonces, and each of its tasks by itself.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentcred_protocol::clock::Clock;
use agentcred_protocol::names::{AgentId, TaskId};
use agentcred_protocol::refusal::RefusalCode;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::refused::Refused;

/// So many requests in a time, and so many of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(Quota);

impl Rate {
    /// Reads a rate as `60/m`. All of one period may come at once, unless `burst` says how many.
    ///
    /// # Errors
    /// When it is no whole number from 1 to 100000 for each second, minute or hour.
    pub(crate) fn read(text: &str, burst: Option<NonZeroU32>) -> Result<Self, NoRate> {
        let (count, unit) = text.split_once('/').ok_or(NoRate)?;
        let period = match unit {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            _ => return Err(NoRate),
        };
        // A sign is no digit, which `parse` alone would take.
        let is_plain = count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse::<NonZeroU32>().ok().filter(|it| is_plain && *it <= MOST);
        let count = count.ok_or(NoRate)?;
        let quota = Quota::with_period(period / count.get()).ok_or(NoRate)?;
        Ok(Self(quota.allow_burst(burst.unwrap_or(count))))
    }
}

/// A text that is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 1 to {MOST} for each second, minute or hour, as 5/s, 60/m or 100/h")]
pub(crate) struct NoRate;

/// What each agent has asked for lately. It outlives the policy, so that a reload gives nobody
/// more.
pub(crate) struct Rates {
    clock: Arc<dyn Clock>,
    agents: Mutex<HashMap<AgentId, Metered>>,
    tasks: Mutex<Option<MeteredTasks>>,
}

/// Tasks, which are many and short, by one rate.
struct MeteredTasks {
    rate: Rate,
    limiter: RateLimiter<TaskKey, HashMapStateStore<TaskKey>, Ticks, NoOpMiddleware<Duration>>,
}

type TaskKey = (AgentId, TaskId);

struct Metered {
    rate: Rate,
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>,
}

impl Rates {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, agents: Mutex::default(), tasks: Mutex::default() }
    }

    /// Counts a request of an agent who has proven to be it, or refuses it.
    ///
    /// # Errors
    /// With `slow_down`, and the time until the next one, when the agent asks too often.
    pub(crate) fn admit(&self, agent: &AgentId, rate: Option<Rate>) -> Result<(), Refused> {
        let Some(rate) = rate else { return Ok(()) };
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if agents.get(agent).is_none_or(|metered| metered.rate != rate) {
            let limiter = RateLimiter::direct_with_clock(rate.0, self.ticks());
            agents.insert(agent.clone(), Metered { rate, limiter });
        }
        let now = since_1970(&*self.clock);
        match agents.get(agent).map(|metered| metered.limiter.check()) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(not_until)) => Err(Refused::new(RefusalCode::SlowDown, "agent_over_rate")
                .retry_after(not_until.wait_time_from(now))),
        }
    }
}

impl Rates {
    /// Counts a request of a task of an agent who has proven to be it, or refuses it.
    ///
    /// # Errors
    /// As [`Self::admit`]; and when so many tasks have asked lately that no more can be counted.
    pub(crate) fn admit_task(
        &self,
        agent: &AgentId,
        task: &TaskId,
        rate: Option<Rate>,
    ) -> Result<(), Refused> {
        let Some(rate) = rate else { return Ok(()) };
        let key = (agent.clone(), task.clone());
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = tasks.take().filter(|tasks| tasks.rate == rate);
        let MeteredTasks { limiter, .. } = tasks.insert(counted.unwrap_or_else(|| MeteredTasks {
            rate,
            limiter: RateLimiter::new(rate.0, HashMapStateStore::default(), self.ticks()),
        }));
        if limiter.len() >= MOST_TASKS {
            // Those that could ask for a whole burst again need not be remembered.
            limiter.retain_recent();
            if limiter.len() >= MOST_TASKS {
                return Err(Refused::new(RefusalCode::SlowDown, "too_many_tasks"));
            }
        }
        limiter.check_key(&key).map_err(|not_until| {
            Refused::new(RefusalCode::SlowDown, "task_over_rate")
                .retry_after(not_until.wait_time_from(since_1970(&*self.clock)))
        })
    }

    fn ticks(&self) -> Ticks {
        Ticks(Arc::clone(&self.clock))
    }
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates").finish_non_exhaustive()
    }
}

/// The vault's clock, in the form that rates are measured by.
struct Ticks(Arc<dyn Clock>);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        since_1970(&*self.0)
    }
}

fn since_1970(clock: &dyn Clock) -> Duration {
    Duration::from_millis(clock.now().millis())
}

/// Tasks whose requests are counted at a time: a few megabytes.
const MOST_TASKS: usize = 65_536;

const MOST: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

#[cfg(test)]
mod tests {
    use super::*;
    use agentcred_protocol::clock::{ManualClock, UnixTime};

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "/",
            "60",
            "60/",
            "/m",
            "0/m",
            "+5/m",
            "-5/m",
            "5.5/s",
            "60/d",
            "60/m ",
            " 60/m",
            "100001/h",
            "4294967296/s",
            "60/m/m",
        ] {
            assert_eq!(Rate::read(text, None), Err(NoRate), "{text}");
        }
        for text in ["1/s", "60/m", "100/h", "100000/s"] {
            assert!(Rate::read(text, None).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_burst_is_had_once_and_the_rate_again_and_again() {
        let clock = Arc::new(ManualClock::at(UnixTime::from_millis(1_800_000_000_000)));
        let rates = Rates::new(Arc::clone(&clock) as _);
        let agent = "billing".parse().unwrap();
        let other = "other".parse().unwrap();
        let rate = Rate::read("60/m", NonZeroU32::new(3)).ok();
        for _ in 0..3 {
            rates.admit(&agent, rate).unwrap();
        }
        for _ in 0..10 {
            let refused = rates.admit(&agent, rate).unwrap_err();
            assert_eq!(refused.code, RefusalCode::SlowDown);
            assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
            rates.admit(&agent, None).unwrap();
        }
        rates.admit(&other, rate).unwrap();
        for _ in 0..100 {
            clock.advance(Duration::from_secs(1));
            rates.admit(&agent, rate).unwrap();
            assert!(rates.admit(&agent, rate).is_err());
        }
        clock.advance(Duration::from_hours(1));
        let admitted = (0..10).filter(|_| rates.admit(&agent, rate).is_ok()).count();
        assert_eq!(admitted, 3);
    }

    #[test]
    fn each_task_has_a_rate_of_its_own_and_what_is_counted_is_bounded() {
        let clock = Arc::new(ManualClock::at(UnixTime::from_millis(1_800_000_000_000)));
        let rates = Rates::new(Arc::clone(&clock) as _);
        let agent = "billing".parse().unwrap();
        let rate = Rate::read("60/m", NonZeroU32::new(1)).ok();
        let ask = |number: usize| {
            rates.admit_task(&agent, &format!("task-{number}").parse().unwrap(), rate)
        };
        for number in 0..MOST_TASKS {
            ask(number).unwrap();
        }
        assert_eq!(ask(MOST_TASKS).unwrap_err().reason, "too_many_tasks");
        let held = || rates.tasks.lock().unwrap().as_ref().unwrap().limiter.len();
        assert_eq!(held(), MOST_TASKS);
        clock.advance(Duration::from_secs(2));
        ask(MOST_TASKS).unwrap();
        assert_eq!(held(), 1);
        let refused = ask(MOST_TASKS).unwrap_err();
        assert_eq!((refused.code, refused.reason), (RefusalCode::SlowDown, "task_over_rate"));
        assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
        ask(0).unwrap();
        rates.admit_task(&agent, &"task-0".parse().unwrap(), None).unwrap();
    }
}
