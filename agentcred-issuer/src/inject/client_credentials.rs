//! An access token that the broker obtains itself (RFC 6749 section 4.4) and renews in time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, StatusCode, Uri};
use serde::Deserialize;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use crate::ask::{Unanswered, ask};
use crate::resolver::Resolver;
use crate::secrets::{Secret, UnusableSecret, Versions};
use crate::service::Destination;

/// A client of an authorization server, and the token that it has from there.
#[derive(Clone, Debug)]
pub(crate) struct ClientCredentials {
    pub(crate) endpoint: Destination,
    pub(crate) path: PathAndQuery,
    pub(crate) client_id: String,
    pub(crate) authentication: Authentication,
    pub(crate) scope: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) kept: Arc<Kept>,
}

/// How the client names its secret to the authorization server (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// In basic credentials, as every server must take it.
    Basic,
    /// In the form, which some servers ask for.
    Form,
}

/// What is kept of a token endpoint's answers.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Held by whoever asks the token endpoint.
    asking: tokio::sync::Mutex<()>,
    tokens: Mutex<Option<Tokens>>,
    failed: Mutex<Option<UnixTime>>,
}

#[derive(Debug)]
struct Tokens {
    versions: Versions,
    obtained: UnixTime,
    expires: UnixTime,
}

/// A token, and those that it replaced a short while ago.
#[derive(Debug)]
pub(super) struct Obtained {
    pub(super) current: Arc<Secret>,
    pub(super) former: Vec<Arc<Secret>>,
}

/// Why there is no token. The answer itself is never part of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoToken {
    #[error("the token endpoint {0}")]
    Unanswered(#[from] Unanswered),
    #[error("the token endpoint took too long")]
    TooSlow,
    #[error("the token endpoint refused the client: {0}")]
    Refused(StatusCode),
    #[error("the token endpoint's answer is no bearer token (RFC 6749 section 5.1)")]
    Malformed,
    #[error("the token endpoint failed a moment ago; it is asked again in a second")]
    JustFailed,
}

/// Which token a caller can do with.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'t> {
    Any,
    /// None that the upstream refused.
    Other(&'t Arc<Secret>),
}

impl ClientCredentials {
    /// The current token. One caller asks for all of them, early enough that the others go on
    /// with the token that is about to expire.
    pub(super) async fn token(
        &self,
        secret: &Secret,
        wanted: Wanted<'_>,
        from: &Surroundings<'_>,
    ) -> Result<Obtained, NoToken> {
        let now = from.now;
        if let Some(obtained) = self.kept.fresh(wanted, now) {
            return Ok(obtained);
        }
        let _asking = if let Ok(asking) = self.kept.asking.try_lock() {
            asking
        } else {
            if let Some(obtained) = self.kept.unexpired(wanted, now) {
                return Ok(obtained);
            }
            let asking = self.kept.asking.lock().await;
            if let Some(obtained) = self.kept.fresh(wanted, now) {
                return Ok(obtained);
            }
            asking
        };
        let failed_just_now = failed(&self.kept).is_some_and(|at| now.since(at) < PAUSE);
        let asked = if failed_just_now {
            Err(NoToken::JustFailed)
        } else {
            tokio::time::timeout(LONGEST_ASKING, self.ask(secret, from.resolver))
                .await
                .unwrap_or(Err(NoToken::TooSlow))
        };
        match asked {
            Ok(answer) => Ok(self.kept.take(answer, from)),
            Err(error) => {
                // A client that was refused may have a newer secret to try with.
                let may_mend = matches!(error, NoToken::Refused(_) | NoToken::JustFailed);
                if !may_mend {
                    *failed(&self.kept) = Some(now);
                }
                let Some(obtained) = self.kept.unexpired(wanted, now) else { return Err(error) };
                tracing::warn!(%error, "a token is used that is about to expire");
                Ok(obtained)
            }
        }
    }

    async fn ask(&self, secret: &Secret, resolver: &dyn Resolver) -> Result<Answer, NoToken> {
        let request = self.request(secret).ok_or(NoToken::Malformed)?;
        let answer = ask(&self.endpoint, resolver, request, LARGEST_ANSWER).await?;
        match answer.status() {
            StatusCode::OK => Answer::read(answer.body()).ok_or(NoToken::Malformed),
            status if status.is_client_error() => Err(NoToken::Refused(status)),
            _ => Err(NoToken::Malformed),
        }
    }

    fn request(&self, secret: &Secret) -> Option<Request<Bytes>> {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        for (name, value) in [("scope", &self.scope), ("audience", &self.audience)] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        let form = form.finish();
        let mut request = Request::new(match self.authentication {
            Authentication::Basic => Bytes::from(form),
            Authentication::Form => Bytes::from_owner(secret.client_form(&form, &self.client_id)),
        });
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(self.path.clone());
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FORM));
        if self.authentication == Authentication::Basic {
            headers.insert(header::AUTHORIZATION, secret.client_basic(&self.client_id).ok()?);
        }
        Some(request)
    }
}

/// What asking needs beside the client itself.
pub(super) struct Surroundings<'s> {
    pub(super) resolver: &'s dyn Resolver,
    pub(super) now: UnixTime,
    pub(super) overlap: Duration,
}

impl Kept {
    /// The token while it is not yet to be renewed.
    fn fresh(&self, wanted: Wanted<'_>, now: UnixTime) -> Option<Obtained> {
        let mut tokens = tokens(self);
        let tokens = tokens.as_mut()?;
        match wanted {
            Wanted::Any if now >= tokens.renewal() => None,
            // A server that refuses new tokens gets no more than one in a while.
            Wanted::Other(refused)
                if Arc::ptr_eq(refused, tokens.versions.current())
                    && now.since(tokens.obtained) >= PAUSE_AFTER_REFUSAL =>
            {
                None
            }
            _ => Some(tokens.obtained(now)),
        }
    }

    /// The token as long as the server takes it.
    fn unexpired(&self, wanted: Wanted<'_>, now: UnixTime) -> Option<Obtained> {
        let mut tokens = tokens(self);
        let tokens = tokens.as_mut().filter(|it| now < it.expires)?;
        matches!(wanted, Wanted::Any).then(|| tokens.obtained(now))
    }

    fn take(&self, answer: Answer, from: &Surroundings<'_>) -> Obtained {
        let Surroundings { now, overlap, .. } = *from;
        *failed(self) = None;
        let expires = now + answer.lifetime;
        let mut tokens = tokens(self);
        if let Some(tokens) = tokens.as_mut() {
            tokens.versions.take(answer.token, now, overlap);
            (tokens.obtained, tokens.expires) = (now, expires);
            return tokens.obtained(now);
        }
        let versions = Versions::first(answer.token);
        tokens.insert(Tokens { versions, obtained: now, expires }).obtained(now)
    }
}

impl Tokens {
    /// A fifth of its life before a token ends, and a minute before at most.
    fn renewal(&self) -> UnixTime {
        let life = self.expires.since(self.obtained);
        self.obtained + life.saturating_sub((life / 5).min(EARLIEST_RENEWAL))
    }

    fn obtained(&mut self, now: UnixTime) -> Obtained {
        Obtained { current: Arc::clone(self.versions.current()), former: self.versions.former(now) }
    }
}

fn tokens(kept: &Kept) -> MutexGuard<'_, Option<Tokens>> {
    kept.tokens.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(kept: &Kept) -> MutexGuard<'_, Option<UnixTime>> {
    kept.failed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A token endpoint's answer, taken apart. Nothing prints it.
struct Answer {
    token: Secret,
    lifetime: Duration,
}

impl Answer {
    fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Raw {
            access_token: Zeroizing<String>,
            token_type: String,
            expires_in: Option<u64>,
        }
        let mut raw: Raw = serde_json::from_slice(body).ok()?;
        if !raw.token_type.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let lifetime =
            raw.expires_in.map_or(LIFETIME_IF_NOT_TOLD, Duration::from_secs).min(LONGEST_LIFETIME);
        let token = std::mem::take(&mut *raw.access_token).into_bytes();
        Some(Self { token: Secret::new(Zeroizing::new(token)).ok()?, lifetime })
    }
}

/// Puts a token where bearer tokens go (RFC 6750 section 2.1).
pub(super) fn put_token(
    request: &mut Request<Bytes>,
    token: &Secret,
) -> Result<(), UnusableSecret> {
    let value = token.header_value("Bearer ", "")?;
    request.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(())
}

const FORM: &str = "application/x-www-form-urlencoded";
const LARGEST_ANSWER: usize = 64 * 1024;
const LONGEST_ASKING: Duration = Duration::from_secs(10);
const EARLIEST_RENEWAL: Duration = Duration::from_mins(1);
const LIFETIME_IF_NOT_TOLD: Duration = Duration::from_mins(5);
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);
/// An endpoint that fails is not asked by every request that waits.
const PAUSE: Duration = Duration::from_secs(1);
/// How old a token must be before an upstream's refusal is a reason for another one.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(5);
