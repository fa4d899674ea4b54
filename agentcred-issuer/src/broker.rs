//! The brokering flow: a nonce and a request in, the upstream's scrubbed answer out.
//!
//! Each step takes the value that the step before it gave, and only that step can make one, so
//! that leaving a step out does not compile.

mod answer;
mod beginning;
mod breaker;
mod cleared;
mod content;
mod leaves;
mod media;
mod payload;
mod pool;
mod received;
mod recorded;
mod redemption;
mod retry_after;
mod scrubbed;
mod upstream;
mod way;

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::request::Parts;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::audit::{Endpoint, Event};
use crate::pace::Pace;
use crate::refused::Refused;
use crate::reply::{self, Reply};
use crate::rules::Method;
use crate::target::Target;
use crate::vault::{Endpoints, Vault};
pub(crate) use breaker::Breaker;
use cleared::Cleared;
pub(crate) use pool::Pool;
use recorded::Recorded;
use redemption::{Redemption, shown};
use upstream::UpstreamRequest;

/// Passes a request on, or refuses it.
///
/// It runs as a task of its own: when a caller hangs up, what was sent upstream is still
/// followed to its end, and the audit tells of it.
pub(crate) async fn broker(vault: Arc<Vault>, request: Request<Incoming>) -> Reply {
    let passing = tokio::spawn(async move {
        let (head, body) = request.into_parts();
        match pass(&vault, &head, body).await {
            Ok(reply) => reply,
            Err(refused) => {
                record_refusal(&vault, &head, &refused).await;
                reply::broker_refusal(&refused)
            }
        }
    });
    match passing.await {
        Ok(reply) => reply,
        Err(_) => reply::broker_refusal(&Refused::unavailable("panic")),
    }
}

async fn pass(vault: &Arc<Vault>, head: &Parts, body: Incoming) -> Result<Reply, Refused> {
    let redemption = Redemption::of(vault, head).await?;
    let cleared = Cleared::of(vault, redemption, head, body).await?;
    let time = cleared.bounds().time(&vault.limits);
    if let Some(pace) = head.extensions.get::<Arc<Pace>>() {
        pace.allow(time + TO_ANSWER);
    }
    let recorded = Recorded::of(vault, cleared).await?;
    let deadline = Instant::now() + time;
    let keys = recorded.keys(vault, deadline).await?;
    let request = UpstreamRequest::with_keys(recorded, keys, vault).await?;
    let answer = request.send(vault, deadline).await?;
    answer.scrubbed().await
}

/// What the audit and the last bytes of an answer may take beside keys and upstream.
const TO_ANSWER: Duration = Duration::from_secs(5);

/// A refusal stands whether or not it can be recorded.
async fn record_refusal(vault: &Vault, head: &Parts, refused: &Refused) {
    let method = Method::read(head.method.as_str()).map(Method::as_str);
    // Only a well-formed path of somebody known is worth keeping: it may hold anything else. Of
    // the nonce itself nothing gets into the audit.
    let path = refused.about.nonce_id.as_ref().and_then(|_| {
        let (_, path) = split_service(head.uri.path())?;
        Target::read(path, None).ok()?;
        Some(shown(&head.headers)?.scrubber().text(path))
    });
    let event = Event::Refusal {
        at: Endpoint::Broker,
        error: refused.code,
        reason: refused.reason,
        about: &refused.about,
        method,
        path: path.as_deref(),
    };
    if vault.record(event).await.is_err() {
        tracing::error!(reason = refused.reason, "a refusal could not be written to the audit");
    }
}

/// `/egress/{service}/{path}`, as service and path with its slash.
fn split_service(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(Endpoints::EGRESS)?.strip_prefix('/')?;
    let slash = rest.find('/')?;
    Some(rest.split_at(slash))
}
