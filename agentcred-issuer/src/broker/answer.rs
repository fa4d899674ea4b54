//! The upstream's answer: what of it may go back, without the real key and the nonce.

use agentcred_protocol::scrub::Scrubber;
use http::header::{self, HeaderMap};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use super::recorded::Recorded;
use super::scrubbed::Scrubbed;
use crate::headers::passed_back;
use crate::refused::Refused;
use crate::reply::{Reply, no_store};

/// An answer that nobody has seen yet.
#[must_use = "the caller waits for it"]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Scrubbed,
}

impl Answer {
    /// Takes an answer whose body can be searched. Nothing is kept of it but its status, the
    /// headers of a list, and its body: no reason phrase, no trailers, no `Location`.
    pub(super) fn of(
        recorded: &Recorded,
        keys: &Scrubber,
        response: Response<Incoming>,
        deadline: Instant,
        limit: u64,
    ) -> Result<Self, Refused> {
        let cleared = recorded.cleared();
        let call = cleared.redemption().call();
        let refuse = |reason| Err(Refused::unavailable(reason).about(call));
        let (head, body) = response.into_parts();
        if head.status.is_informational() {
            return refuse("upstream_switched_protocols");
        }
        // Compressed, the key would pass unseen; it was asked not to be.
        if head.headers.get_all(header::CONTENT_ENCODING).iter().any(|it| it != "identity") {
            return refuse("upstream_encoded_its_answer");
        }
        if body.size_hint().lower() > limit {
            return refuse("upstream_answer_too_large");
        }
        let nonce = cleared.redemption().nonce().scrubber();
        let scrubbers = [keys, &nonce];
        let headers = passed_back(&head.headers, &cleared.service().response_headers, scrubbers);
        let body = Scrubbed::new(body, scrubbers, deadline, limit);
        Ok(Self { status: head.status, headers, body })
    }

    /// The answer as the caller gets it. The body is scrubbed while it passes.
    pub(super) fn scrubbed(self) -> Reply {
        let mut reply = Response::new(self.body.boxed());
        *reply.status_mut() = self.status;
        *reply.headers_mut() = self.headers;
        no_store(&mut reply);
        reply
    }
}
