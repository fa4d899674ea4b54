//! The upstream request: what was cleared, with the real key put in last.

use std::sync::Arc;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scrub::Scrubber;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::breaker::Ended;
use super::received::Received;
use super::recorded::Recorded;
use super::retry_after;
use super::way::{Lines, Unsent, Way};
use crate::audit::{Again, Event, Outcome};
use crate::call::Call;
use crate::inject::Keys;
use crate::outgoing::{Cut, Late, Outgoing, Passing, Progress};
use crate::refused::Refused;
use crate::vault::Vault;

/// A request that holds the real keys. It can be sent, and nothing else.
#[must_use = "it holds a real key"]
pub(super) struct UpstreamRequest {
    recorded: Recorded,
    keys: Keys,
    /// Takes the keys, and a signature, out of what comes back.
    scrubber: Scrubber,
    request: Request<Bytes>,
    /// Its body, when it is passed on while it arrives.
    passing: Option<(Passing, Progress)>,
}

impl UpstreamRequest {
    /// Puts the keys in. Some fit into no request, and nobody knows before one needs them.
    pub(super) async fn with_keys(
        mut recorded: Recorded,
        keys: Keys,
        vault: &Vault,
    ) -> Result<Self, Refused> {
        match build(&recorded, &keys, vault.now()) {
            Ok((request, scrubber)) => {
                let passing = recorded.take_passing();
                Ok(Self { recorded, keys, scrubber, request, passing })
            }
            Err(reason) => Err(recorded.give_back(vault, Outcome::NoSecret, reason).await),
        }
    }

    /// Sends the request, unless its upstream is left alone now. One that changes nothing is sent
    /// once more when the kept connection had ended, and when the upstream refuses the key and
    /// there is a newer one.
    pub(super) async fn send(
        mut self,
        vault: &Arc<Vault>,
        deadline: Instant,
    ) -> Result<Answer, Refused> {
        if let Err(wait) = self.recorded.cleared().service().breaker.admit(vault.now()) {
            let outcome = Outcome::HeldBack;
            let refused = self.recorded.give_back(vault, outcome, "upstream_held_back").await;
            return Err(refused.retry_after(wait));
        }
        let first = self.exchange(vault, deadline, Lines::Kept).await?;
        let (request, response) = if let Some(response) = first {
            (self, response)
        } else {
            let again = self.recorded.again(vault, Again::NewConnection).await?;
            let mut again = Self::with_keys(again, self.keys, vault).await?;
            let response = again.exchange_anew(vault, deadline).await?;
            (again, response)
        };
        let Some(keys) = request.newer_keys(vault, &response, deadline).await else {
            return request.answer(vault, response, deadline);
        };
        drop(response);
        let again = request.recorded.again(vault, Again::NewKey).await?;
        let mut again = Self::with_keys(again, keys, vault).await?;
        let response = again.exchange_anew(vault, deadline).await?;
        again.answer(vault, response, deadline)
    }

    /// Other keys than the ones that were refused, if they were and asking again does no harm.
    async fn newer_keys(
        &self,
        vault: &Vault,
        response: &Response<Received>,
        deadline: Instant,
    ) -> Option<Keys> {
        let is_repeatable = self.recorded.cleared().is_repeatable();
        if response.status() != StatusCode::UNAUTHORIZED || !is_repeatable {
            return None;
        }
        self.recorded.newer_keys(vault, &self.keys, deadline).await
    }

    fn answer(
        &self,
        vault: &Vault,
        response: Response<Received>,
        deadline: Instant,
    ) -> Result<Answer, Refused> {
        let limit = self.recorded.cleared().bounds().response_body(&vault.limits);
        Answer::of(&self.recorded, &self.scrubber, response, deadline, limit)
    }

    /// The request and its answer, over a new connection.
    async fn exchange_anew(
        &mut self,
        vault: &Arc<Vault>,
        deadline: Instant,
    ) -> Result<Response<Received>, Refused> {
        let response = self.exchange(vault, deadline, Lines::New).await?;
        response.ok_or_else(|| Refused::unavailable("upstream_broke_off"))
    }

    /// The request and its answer. None when a kept connection had ended and the request may be
    /// sent once more.
    async fn exchange(
        &mut self,
        vault: &Arc<Vault>,
        deadline: Instant,
        lines: Lines,
    ) -> Result<Option<Response<Received>>, Refused> {
        let recorded = &self.recorded;
        let cleared = recorded.cleared();
        let (service, call) = (cleared.service(), cleared.redemption().call());
        let note = |ended| service.breaker.note(ended, vault.now());
        let way = Way::to(service, call, cleared.method());
        let (body, mut progress) = match self.passing.take() {
            Some((passing, progress)) => (Outgoing::Passing(passing), Some(progress)),
            None => (Outgoing::from(self.request.body().clone()), None),
        };
        let sending = way.send(&self.request, body, lines, vault);
        let sent = match &mut progress {
            None => timeout_at(deadline, sending).await.map_err(|_| Late::Upstream),
            Some(progress) => tokio::select! {
                biased;
                sent = sending => Ok(sent),
                late = progress.late(vault.limits.stall_time, deadline) => Err(late),
            },
        };
        let cut = progress.as_ref().and_then(Progress::cut);
        let lost = match sent {
            Ok(Ok(response)) => {
                let status = response.status();
                note(Ended::Answered {
                    status,
                    retry_after: retry_after::read(response.headers(), vault.now()),
                });
                recorded.finish(vault, Outcome::Answered { status: status.as_u16() }).await?;
                if let Some(progress) = progress.filter(|it| !it.is_whole()) {
                    tokio::spawn(follow(Arc::clone(vault), call.clone(), progress, deadline));
                }
                return Ok(Some(response));
            }
            Ok(Err(Unsent::Dial(error))) => {
                note(Ended::Failed);
                tracing::warn!(service = %service.name, %error, "the upstream cannot be reached");
                return Err(recorded.give_back(vault, Outcome::Unreachable, error.reason()).await);
            }
            Ok(Err(Unsent::Stale)) if cleared.is_repeatable() => {
                recorded.finish(vault, Outcome::Lost).await?;
                return Ok(None);
            }
            Ok(Err(Unsent::Stale | Unsent::BrokeOff)) => {
                if let Some(cut) = cut {
                    note(Ended::CutOff);
                    recorded.finish(vault, Outcome::CutOff).await?;
                    return Err(cut_off(cut).about(call));
                }
                note(Ended::Failed);
                "upstream_broke_off"
            }
            Err(Late::Caller) => {
                note(Ended::CutOff);
                recorded.finish(vault, Outcome::CutOff).await?;
                return Err(Refused::new(RefusalCode::InvalidRequest, "body_too_slow").about(call));
            }
            Err(Late::Upstream) => {
                note(Ended::Failed);
                service.pool.stop_sharing();
                if !way.has_connected() {
                    let outcome = Outcome::Unreachable;
                    let reason = "upstream_connect_timeout";
                    return Err(recorded.give_back(vault, outcome, reason).await);
                }
                "upstream_timeout"
            }
        };
        recorded.finish(vault, Outcome::Lost).await?;
        Err(Refused::unavailable(lost).about(call))
    }
}

/// Why a body that was passed on while it arrived did not arrive.
fn cut_off(cut: Cut) -> Refused {
    match cut {
        Cut::AsksForMethod => Refused::new(RefusalCode::MethodOverride, "method_override_body"),
        Cut::BrokeOff | Cut::GivenUp => {
            Refused::new(RefusalCode::InvalidRequest, "body_incomplete")
        }
    }
}

/// Follows a body whose answer came before its end. That it ended early stands in the audit too.
async fn follow(vault: Arc<Vault>, call: Call, progress: Progress, deadline: Instant) {
    if progress.end(deadline).await.is_none() {
        return;
    }
    let cut_off = Event::Answer { call: &call, outcome: Outcome::CutOff };
    if vault.record(cut_off).await.is_err() {
        tracing::error!("that a request was cut off could not be written to the audit");
    }
}

fn build(
    recorded: &Recorded,
    keys: &Keys,
    now: UnixTime,
) -> Result<(Request<Bytes>, Scrubber), &'static str> {
    let cleared = recorded.cleared();
    let service = cleared.service();
    let mut request = Request::new(cleared.body());
    *request.method_mut() =
        Method::from_bytes(cleared.method().as_str().as_bytes()).map_err(|_| "method")?;
    *request.uri_mut() = Uri::from(cleared.target().sent().clone());
    let headers = request.headers_mut();
    *headers = cleared.headers().clone();
    let host = service.destination.origin.host_header();
    headers.insert(header::HOST, host.map_err(|_| "host")?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    // Last, and by `insert`: whatever was there, the keys are the only values now.
    let signature = service.inject.put(&mut request, keys, now);
    let signature = signature.map_err(|_| "secret_fits_no_header")?;
    Ok((request, keys.scrubber_with(signature.as_ref())))
}

const USER_AGENT: &str = concat!("agentcred-issuer/", env!("CARGO_PKG_VERSION"));
