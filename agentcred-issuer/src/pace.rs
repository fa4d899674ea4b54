//! Pace: how long a connection may take for what it is doing at the moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::limits::Limits;
use crate::places::Place;

/// One connection's pace. What its bytes and its answers say of it moves the deadline.
#[derive(Debug)]
pub(crate) struct Pace {
    place: Place,
    limits: Limits,
    state: Mutex<State>,
    deadline: watch::Sender<Instant>,
}

#[derive(Debug)]
struct State {
    /// Requests that arrived to their last byte.
    arrived: u64,
    /// Requests whose answers were handed over for sending.
    answered: u64,
    stage: Stage,
    /// Until when the request that is under way may take, if it was told.
    allowed: Option<Instant>,
}

/// What the next bytes of a connection belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A request that has not begun.
    Between,
    Head,
    Body,
}

/// A connection that is not heard any more.
#[derive(Debug)]
pub(crate) struct Over;

impl Pace {
    /// The first request has to begin at once.
    pub(crate) fn new(place: Place, limits: Limits) -> Self {
        let (deadline, _) = watch::channel(Instant::now() + limits.head_time);
        let state = State { arrived: 0, answered: 0, stage: Stage::Head, allowed: None };
        Self { place, limits, state: Mutex::new(state), deadline }
    }

    /// Bytes came in: so many requests are whole with them, and this is what comes next.
    ///
    /// # Errors
    /// When the place was lost. What came in must not be acted on then.
    pub(crate) fn heard(&self, whole: u64, stage: Stage) -> Result<(), Over> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let was = std::mem::replace(&mut state.stage, stage);
        state.arrived += whole;
        if state.arrived > state.answered {
            if whole > 0 {
                self.set(&state, self.limits.exchange_time);
                return if self.place.work() { Ok(()) } else { Err(Over) };
            }
        } else if stage != was {
            self.set(&state, self.time_for(stage));
        }
        Ok(())
    }

    /// The request that is under way is a good one: it may take so long until its answer is
    /// sent, its body included, and the connection keeps its place meanwhile.
    pub(crate) fn allow(&self, time: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.allowed = Some(Instant::now() + time);
        if self.place.work() {
            self.set(&state, time);
        }
    }

    /// An answer was handed over for sending, or given up.
    pub(crate) fn answered(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.answered += 1;
        state.allowed = None;
        if state.arrived <= state.answered {
            self.place.wait();
            self.set(&state, self.time_for(state.stage));
        }
    }

    /// Returns when the connection must end: it took too long, or makes way for another.
    pub(crate) async fn over(&self) {
        let mut deadline = self.deadline.subscribe();
        loop {
            let end = *deadline.borrow_and_update();
            tokio::select! {
                biased;
                () = self.place.lost() => return,
                _ = deadline.changed() => {}
                () = sleep_until(end) => return,
            }
        }
    }

    fn time_for(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Between => self.limits.idle_time,
            Stage::Head => self.limits.head_time,
            // Whoever reads the body says first that it took too long.
            Stage::Body => self.limits.request_time + TO_SAY_SO,
        }
    }

    fn set(&self, state: &State, time: Duration) {
        let end = Instant::now() + time;
        self.deadline.send_replace(state.allowed.map_or(end, |allowed| allowed.max(end)));
    }
}

/// An answer on its way out. When it is dropped, it was sent or given up.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Pace>);

impl Answering {
    pub(crate) fn new(pace: &Arc<Pace>) -> Self {
        Self(Arc::clone(pace))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered();
    }
}

const TO_SAY_SO: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::Places;
    use std::net::{IpAddr, Ipv4Addr};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn pace() -> (Arc<Places>, Pace) {
        let places = Places::new(1, 1);
        let place = places.take(HERE).unwrap();
        (places, Pace::new(place, Limits::default()))
    }

    fn time_left(pace: &Pace) -> Duration {
        pace.deadline.borrow().duration_since(Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn each_stage_has_its_own_time() {
        let (_places, pace) = pace();
        let limits = Limits::default();
        assert_eq!(time_left(&pace), limits.head_time);
        pace.heard(0, Stage::Body).unwrap();
        assert_eq!(time_left(&pace), limits.request_time + TO_SAY_SO);
        pace.heard(1, Stage::Between).unwrap();
        assert_eq!(time_left(&pace), limits.exchange_time);
        pace.answered();
        assert_eq!(time_left(&pace), limits.idle_time);
        pace.heard(0, Stage::Head).unwrap();
        assert_eq!(time_left(&pace), limits.head_time);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_may_take_long_does_and_the_next_one_does_not() {
        let (places, pace) = pace();
        let long = Duration::from_mins(10);
        pace.heard(0, Stage::Body).unwrap();
        pace.allow(long);
        assert_eq!(time_left(&pace), long);
        assert!(places.take(HERE).is_none(), "a good request lost its place");
        pace.heard(1, Stage::Between).unwrap();
        assert_eq!(time_left(&pace), long);
        pace.answered();
        assert_eq!(time_left(&pace), Limits::default().idle_time);
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_buys_no_time() {
        let (_places, pace) = pace();
        let began = Instant::now();
        let trickle = async {
            loop {
                tokio::time::advance(Duration::from_secs(1)).await;
                pace.heard(0, Stage::Head).unwrap();
            }
        };
        tokio::select! { () = trickle => {}, () = pace.over() => {} }
        assert!(began.elapsed() <= Limits::default().head_time + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_lost_its_place_is_not_heard_any_more() {
        let (places, pace) = pace();
        let next = places.take(HERE).unwrap();
        assert!(pace.heard(1, Stage::Between).is_err());
        pace.over().await;
        drop(next);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_before_the_body_has_come_leaves_the_connection_waiting() {
        let (places, pace) = pace();
        pace.heard(0, Stage::Body).unwrap();
        pace.answered();
        assert_eq!(time_left(&pace), Limits::default().request_time + TO_SAY_SO);
        assert!(places.take(HERE).is_some());
    }
}
