//! The upstream's answer: what of it may go back, without the real key and the nonce.

use agentcred_protocol::scrub::Scrubber;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::Body as _;
use tokio::time::Instant;

use super::content::{Content, unreadable};
use super::media::Media;
use super::received::Received;
use super::recorded::Recorded;
use crate::audit::About;
use crate::headers::passed_back;
use crate::projection::Projection;
use crate::refused::Refused;
use crate::reply::{Reply, no_store};

/// An answer that nobody has seen yet.
#[must_use = "the caller waits for it"]
pub(super) struct Answer {
    about: About,
    status: StatusCode,
    headers: HeaderMap,
    /// The fields of it that the rule lets back; none where all of it comes back.
    fields: Option<Projection>,
    content: Content,
}

impl Answer {
    /// Takes an answer whose body can be searched. Nothing is kept of it but its status, the
    /// headers of a list, and its body: no reason phrase, no trailers, no `Location`.
    pub(super) fn of(
        recorded: &Recorded,
        keys: &Scrubber,
        response: Response<Received>,
        deadline: Instant,
        limit: u64,
    ) -> Result<Self, Refused> {
        let cleared = recorded.cleared();
        let call = cleared.redemption().call();
        let (head, body) = response.into_parts();
        if head.status.is_informational() {
            return Err(Refused::unavailable("upstream_switched_protocols").about(call));
        }
        let media = Media::of(&head.headers).map_err(|reason| unreadable(reason).about(call))?;
        if body.size_hint().lower() > limit {
            return Err(Refused::unavailable("upstream_answer_too_large").about(call));
        }
        let scrubbers = [keys.clone(), cleared.redemption().nonce().scrubber()];
        let more = &cleared.service().response_headers;
        let headers = passed_back(&head.headers, more, scrubbers.each_ref())
            .ok_or_else(|| unreadable("upstream_spread_a_secret").about(call))?;
        Ok(Self {
            about: call.into(),
            status: head.status,
            headers,
            fields: cleared.fields().cloned(),
            content: Content { media, body, scrubbers, deadline, limit },
        })
    }

    /// The answer as the caller gets it: searched, and no more of it than the rule lets back.
    pub(super) async fn scrubbed(self) -> Result<Reply, Refused> {
        let Self { about, status, mut headers, fields, content } = self;
        let searched = match fields {
            None => content.searched().await,
            Some(fields) => {
                let json = HeaderValue::from_static("application/json");
                headers.insert(header::CONTENT_TYPE, json);
                content.projected(&fields, status).await
            }
        };
        let mut reply = Response::new(searched.map_err(|refused| refused.about(about))?);
        *reply.status_mut() = status;
        *reply.headers_mut() = headers;
        no_store(&mut reply);
        Ok(reply)
    }
}
