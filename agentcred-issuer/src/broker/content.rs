//! The content of an answer: searched as a whole where it is small JSON, else while it passes.

use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scrub::Scrubber;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use tokio::time::Instant;

use super::beginning::Beginning;
use super::leaves;
use super::media::{LONGEST_MARK, Media};
use super::received::Received;
use super::scrubbed::Scrubbed;
use crate::projection::{Projection, error_code};
use crate::refused::Refused;
use crate::reply::BodyError;

/// The body of an answer that nobody has seen yet.
pub(super) struct Content {
    pub(super) media: Media,
    pub(super) body: Received,
    pub(super) scrubbers: [Scrubber; 2],
    pub(super) deadline: Instant,
    /// In bytes.
    pub(super) limit: u64,
}

/// A body that may go back.
type Searched = BoxBody<Bytes, BodyError>;

/// Nobody can tell whether a secret is in such an answer, or which fields are.
pub(super) fn unreadable(reason: &'static str) -> Refused {
    Refused::new(RefusalCode::UnreadableAnswer, reason)
}

impl Content {
    /// All of it. Events pass at once; of anything else the beginning is looked at first.
    pub(super) async fn searched(mut self) -> Result<Searched, Refused> {
        let wanted = match self.media {
            Media::Json => LARGEST_WHOLE + 1,
            Media::Events => 0,
            Media::Text | Media::Binary => LONGEST_MARK,
        };
        let Beginning { mut bytes, is_whole } = self.read(wanted).await?;
        if !self.media.can_begin_with(&bytes) {
            return Err(unreadable("upstream_packed_its_answer"));
        }
        if self.media == Media::Json && is_whole {
            bytes = self.leaves_of(&bytes)?;
        }
        Ok(self.passing(bytes))
    }

    /// The fields of a success that the rule lets back, and of an error a short code.
    pub(super) async fn projected(
        mut self,
        fields: &Projection,
        status: StatusCode,
    ) -> Result<Searched, Refused> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let wanted = if status.is_success() { limit.saturating_add(1) } else { LARGEST_WHOLE };
        let Beginning { bytes, is_whole } = self.read(wanted).await?;
        let kept = match status.is_success() {
            _ if bytes.is_empty() => String::new(),
            false => {
                let code = error_code(&bytes);
                format!(r#"{{"error":{{"code":"{}"}}}}"#, code.as_deref().unwrap_or("unknown"))
            }
            true if !is_whole => return Err(Refused::unavailable("upstream_answer_too_large")),
            true if self.media != Media::Json => return Err(unreadable("upstream_answer_no_json")),
            true => fields.of(&bytes).map_err(|_| unreadable("upstream_answer_not_projectable"))?,
        };
        let mut kept = kept.into_bytes();
        if kept.len() <= LARGEST_WHOLE {
            kept = self.leaves_of(&kept)?;
        }
        // What is left unread was looked at and does not come back.
        Ok(self.whole(&kept))
    }

    async fn read(&mut self, wanted: usize) -> Result<Beginning, Refused> {
        Beginning::read(&mut self.body, wanted, self.deadline).await.map_err(Refused::unavailable)
    }

    fn leaves_of(&self, json: &[u8]) -> Result<Vec<u8>, Refused> {
        leaves::searched(json, &self.scrubbers).map_err(|_| unreadable("upstream_spread_a_secret"))
    }

    fn whole(&self, json: &[u8]) -> Searched {
        let clean = self.scrubbers.iter().fold(json.to_vec(), |json, scrubber| {
            let mut stream = scrubber.stream();
            [stream.push(&json), stream.finish()].concat()
        });
        Full::new(clean.into()).map_err(|never| match never {}).boxed()
    }

    fn passing(self, begun: Vec<u8>) -> Searched {
        let Self { media, body, scrubbers, deadline, limit } = self;
        Scrubbed::new(begun, body, media, &scrubbers, deadline, limit).boxed()
    }
}

/// The largest JSON that is searched as a whole, in bytes. The search undoes every disguise and
/// takes milliseconds for as much as this; what is larger is searched while it passes.
const LARGEST_WHOLE: usize = 256 * 1024;
