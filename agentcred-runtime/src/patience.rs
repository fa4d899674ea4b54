//! Asking an issuer again that cannot be reached: a few times, each time later.

use std::time::Duration;

use agentcred_protocol::refusal::RefusalCode;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use crate::issuer::IssuerError;

/// How often an issuer is asked in all.
const ATTEMPTS: u32 = 4;
/// The wait before the second attempt, doubled before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The patience of one request: what is left of it, and how long the next wait is.
#[derive(Default)]
pub(crate) struct Patience {
    waited: u32,
}

impl Patience {
    /// Waits after a failed attempt.
    ///
    /// # Errors
    /// With the attempt's own error when another attempt would not change it, or was one too many.
    pub(crate) async fn after(&mut self, error: IssuerError) -> Result<(), IssuerError> {
        if !may_pass(&error) || self.waited + 1 >= ATTEMPTS {
            return Err(error);
        }
        let wait = jittered(FIRST_WAIT * 2_u32.pow(self.waited));
        tracing::debug!(wait_ms = wait.as_millis(), "asking the issuer again: {error}");
        tokio::time::sleep(wait).await;
        self.waited += 1;
        Ok(())
    }
}

fn may_pass(error: &IssuerError) -> bool {
    matches!(
        error,
        IssuerError::Unreachable { .. }
            | IssuerError::Refused(RefusalCode::TemporarilyUnavailable | RefusalCode::SlowDown)
    )
}

/// From half of the wait to all of it, so that agents that lost their issuer together do not come
/// back together.
fn jittered(wait: Duration) -> Duration {
    let mut random = [0; 1];
    // Without randomness the whole wait is as good.
    let part = SystemRandom::new().fill(&mut random).map_or(u8::MAX, |()| random[0]);
    wait / 2 + wait / 2 * u32::from(part) / u32::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn unreachable() -> IssuerError {
        IssuerError::Unreachable { issuer: "http://127.0.0.1:1".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_is_away_is_asked_a_few_times_within_a_second() {
        let mut patience = Patience::default();
        let start = Instant::now();
        for _ in 1..ATTEMPTS {
            assert_eq!(patience.after(unreachable()).await, Ok(()));
        }
        assert_eq!(patience.after(unreachable()).await, Err(unreachable()));
        let waited = start.elapsed();
        assert!((345..=710).contains(&waited.as_millis()), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_final() {
        let refused = IssuerError::Refused(RefusalCode::InvalidScope);
        assert_eq!(Patience::default().after(refused.clone()).await, Err(refused));
    }
}
