//! Waiting for a human: the issuer is asked again until somebody decided or time is up.

use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::names::ApprovalId;
use agentcred_protocol::refusal::RefusalCode;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::context::CallContext;
use crate::grant::Grant;
use crate::issuer::{IssuerError, NotApproved};
use crate::live::{LiveNonce, Source};
use crate::progress::Progress;

/// The time of one call: its nonces and its tool share it, and a human has some of his own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTime {
    /// When the call is over, so far.
    pub(crate) deadline: Instant,
    /// How much later that may become while a human is waited for; none when the wait is a part of
    /// the call's time.
    for_human: Option<Duration>,
}

impl CallTime {
    pub(crate) fn new(time: Duration, for_human: Option<Duration>) -> Self {
        Self { deadline: Instant::now() + time, for_human }
    }

    /// Waits for a human until it is time to ask again.
    async fn pause(&mut self, interval: Duration) -> Result<(), NotApproved> {
        let next = Instant::now() + interval;
        let last = match &mut self.for_human {
            None => self.deadline,
            Some(left) => {
                let paused = interval.min(*left);
                *left -= paused;
                self.deadline += paused;
                // The call has as much time as before, and the human what is left for him.
                Instant::now() + if *left > Duration::ZERO { interval * 2 } else { paused }
            }
        };
        sleep_until(next.min(last)).await;
        if next >= last { Err(NotApproved::Pending) } else { Ok(()) }
    }
}

/// Why there is no nonce.
pub(crate) enum Unminted {
    /// The call's time is over.
    Late,
    Issuer(IssuerError),
}

impl<E: Into<IssuerError>> From<E> for Unminted {
    fn from(error: E) -> Self {
        Self::Issuer(error.into())
    }
}

/// Mints a nonce, and waits for whoever must approve it. A caller that goes away withdraws what
/// it asked for, so that nobody approves a call that is over.
pub(crate) async fn mint(
    mut source: Source,
    tool: &str,
    context: Option<&CallContext>,
    time: &mut CallTime,
) -> Result<LiveNonce, Unminted> {
    let mut asked: Option<Asked> = None;
    loop {
        let asking = timeout_at(time.deadline, source.ask());
        let minted = asking.await.map_err(|_| Unminted::Late)?;
        let asked = match (minted, &mut asked) {
            (Ok(minted), asked) => {
                asked.iter_mut().for_each(Asked::is_answered);
                return Ok(source.into_live(minted, tool));
            }
            (Err(IssuerError::Pending(pending)), asked) => {
                if asked.is_none() {
                    tracing::info!(approval_id = %pending.auth_req_id, "waiting for approval");
                    if let Some(context) = context {
                        context.announce(&Progress::new(0.0).message("waiting for approval"));
                    }
                }
                source.wish.approval = Some(pending.auth_req_id.clone());
                let (grant, approval) = (Arc::clone(&source.grant), pending.auth_req_id);
                let interval = Duration::from_secs(pending.interval.clamp(1, LONGEST_INTERVAL));
                asked.get_or_insert_with(|| Asked { grant, approval: Some(approval), interval })
            }
            (Err(IssuerError::Refused(RefusalCode::SlowDown)), Some(asked)) => {
                // As CIBA Core section 11 has it.
                asked.interval += Duration::from_secs(5);
                asked
            }
            (Err(IssuerError::Refused(RefusalCode::AccessDenied)), Some(asked)) => {
                asked.is_answered();
                return Err(NotApproved::Denied.into());
            }
            (Err(IssuerError::Refused(RefusalCode::ExpiredToken)), Some(asked)) => {
                asked.is_answered();
                return Err(NotApproved::Expired.into());
            }
            (Err(error), _) => return Err(error.into()),
        };
        time.pause(asked.interval).await?;
    }
}

/// What a human was asked. Dropped without an answer, it is withdrawn in the background.
struct Asked {
    grant: Arc<Grant>,
    approval: Option<ApprovalId>,
    interval: Duration,
}

impl Asked {
    fn is_answered(&mut self) {
        self.approval = None;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let Some(approval) = self.approval.take() else { return };
        let grant = Arc::clone(&self.grant);
        self.grant.background().start(async move {
            if let Err(error) = grant.withdraw(&approval).await {
                tracing::warn!(approval_id = %approval, "approval not withdrawn, it expires: {error}");
            }
        });
    }
}

/// In seconds. No issuer makes a call sleep past what it asked for.
const LONGEST_INTERVAL: u64 = 60;
