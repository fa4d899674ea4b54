//! Keys at a URL (`jwks_uri`, RFC 8414 section 2): asked for once for all who wait, and not often.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::key_set::{KeySet, KeySetError};
use bytes::Bytes;
use http::header::{self, HeaderValue, InvalidHeaderValue};
use http::uri::PathAndQuery;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};

use super::{HasKey, NoKeys};
use crate::connection::Connection;
use crate::dial::DialError;
use crate::outgoing::Outgoing;
use crate::resolver::Resolver;
use crate::service::Destination;
use crate::vault::Vault;

/// The keys at a URL, and those that were there last.
#[derive(Debug)]
pub(crate) struct RemoteKeys {
    endpoint: Destination,
    path: PathAndQuery,
    /// Held while the URL is asked.
    asking: Arc<tokio::sync::Mutex<()>>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The last keys that were got, and when.
    keys: Option<(Arc<KeySet>, UnixTime)>,
    /// When the URL was asked last, whatever it said.
    asked: Option<UnixTime>,
}

/// Why there are no newer keys.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("it cannot be reached: {0}")]
    Unreachable(#[from] DialError),
    #[error("its host is no name for a header")]
    Host(#[from] InvalidHeaderValue),
    #[error("it broke off, took too long or said too much")]
    BrokeOff,
    #[error("it answered {0}; redirects are not followed")]
    Refused(StatusCode),
    #[error("what it answered {0}")]
    Unusable(#[from] KeySetError),
}

impl RemoteKeys {
    pub(crate) fn at(endpoint: Destination, path: PathAndQuery) -> Self {
        Self { endpoint, path, asking: Arc::default(), kept: Mutex::default() }
    }

    /// The keys to check a token with.
    pub(super) async fn keys_for(
        self: &Arc<Self>,
        has_key: HasKey<'_>,
        vault: &Vault,
    ) -> Result<Arc<KeySet>, NoKeys> {
        let now = vault.now();
        if let Some(keys) = self.fitting(has_key, now, FRESH) {
            return Ok(keys);
        }
        let asking = if let Ok(asking) = Arc::clone(&self.asking).try_lock_owned() {
            asking
        } else {
            // Somebody asks already. Whose key is known need not wait for that.
            if let Some(keys) = self.fitting(has_key, now, KEPT) {
                return Ok(keys);
            }
            Arc::clone(&self.asking).lock_owned().await
        };
        if let Some(keys) = self.fitting(has_key, now, FRESH) {
            return Ok(keys);
        }
        if self.may_ask(now) {
            let (keys, resolver) = (Arc::clone(self), Arc::clone(&vault.resolver));
            let longest = vault.limits.key_set_time;
            // On its own, so that a caller who leaves does not take the answer along.
            let asked = tokio::spawn(async move {
                keys.renew(&*resolver, longest, now).await;
                drop(asking);
            });
            // A panic in there leaves the keys as they were.
            let _ = asked.await;
        }
        let kept = self.kept();
        let last = kept.keys.as_ref().filter(|(_, got)| now.since(*got) < KEPT);
        last.map(|(keys, _)| Arc::clone(keys)).ok_or(NoKeys)
    }

    /// The keys, when they are younger than `age` and have the one that is looked for.
    fn fitting(&self, has_key: HasKey<'_>, now: UnixTime, age: Duration) -> Option<Arc<KeySet>> {
        let kept = self.kept();
        let (keys, got) = kept.keys.as_ref()?;
        (now.since(*got) < age && has_key(keys)).then(|| Arc::clone(keys))
    }

    /// Whether the last time is long enough ago; if so, this is the last time now.
    fn may_ask(&self, now: UnixTime) -> bool {
        let mut kept = self.kept();
        let may_ask = kept.asked.is_none_or(|asked| now.since(asked) >= PAUSE);
        if may_ask {
            kept.asked = Some(now);
        }
        may_ask
    }

    async fn renew(&self, resolver: &dyn Resolver, longest: Duration, now: UnixTime) {
        let asked = tokio::time::timeout(longest, self.ask(resolver)).await;
        match asked.unwrap_or(Err(Unanswered::BrokeOff)) {
            Ok(keys) => self.kept().keys = Some((Arc::new(keys), now)),
            Err(error) => {
                tracing::warn!(origin = %self.endpoint.origin, %error, "no newer keys");
            }
        }
    }

    async fn ask(&self, resolver: &dyn Resolver) -> Result<KeySet, Unanswered> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = Uri::from(self.path.clone());
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.endpoint.origin.host_header()?);
        let accept = HeaderValue::from_static("application/jwk-set+json, application/json");
        headers.insert(header::ACCEPT, accept);
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let mut connection = Connection::open(&self.endpoint, resolver).await?;
        let response =
            connection.send(request.map(Outgoing::from)).await.map_err(|_| Unanswered::BrokeOff)?;
        if response.status() != StatusCode::OK {
            return Err(Unanswered::Refused(response.status()));
        }
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|_| Unanswered::BrokeOff)?.to_bytes();
        let text = std::str::from_utf8(&body).map_err(|_| KeySetError::Malformed)?;
        Ok(KeySet::read(text)?)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long keys are used before they are asked for again.
const FRESH: Duration = Duration::from_mins(5);
/// How long they are used while the URL gives no newer ones. A key that was withdrawn is taken for
/// that long at most.
const KEPT: Duration = Duration::from_hours(1);
/// How long nobody asks after the last time, whatever a token names its key.
const PAUSE: Duration = Duration::from_secs(10);
/// In bytes. A key set of 32 RSA keys with their certificates is smaller.
const LARGEST_ANSWER: usize = 256 * 1024;
