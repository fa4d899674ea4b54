//! The beginning of an answer's body, read before anything of it is passed on.

use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::received::Received;

/// What was read of a body.
pub(super) struct Beginning {
    pub(super) bytes: Vec<u8>,
    /// Whether that was all.
    pub(super) is_whole: bool,
}

impl Beginning {
    /// Reads until there are so many bytes, or more, or all. Trailers are dropped.
    ///
    /// # Errors
    /// With the reason when the upstream breaks off or takes too long.
    pub(super) async fn read(
        body: &mut Received,
        wanted: usize,
        deadline: Instant,
    ) -> Result<Self, &'static str> {
        let mut bytes = Vec::new();
        while bytes.len() < wanted {
            match timeout_at(deadline, body.frame()).await {
                Err(_) => return Err("upstream_timeout"),
                Ok(None) => return Ok(Self { bytes, is_whole: true }),
                Ok(Some(Err(_))) => return Err("upstream_broke_off"),
                Ok(Some(Ok(frame))) => {
                    bytes.extend(frame.into_data().unwrap_or_default());
                }
            }
        }
        Ok(Self { bytes, is_whole: false })
    }
}
