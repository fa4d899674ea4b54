//! Claims that tokens of several kinds share: whom they are for, and when they are good.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::UnixTime;

/// `aud` (RFC 7519 section 4.1.3).
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// Whether an audience is among those that are named.
    pub(crate) fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(text) => text == audience,
            Self::Many(texts) => texts.iter().any(|text| text == audience),
        }
    }

    /// The audience, when there is one alone. What is for two could be replayed by one at the other.
    pub(crate) fn only(&self) -> Option<&str> {
        match self {
            Self::One(text) => Some(text),
            Self::Many(texts) => match texts.as_slice() {
                [text] => Some(text),
                _ => None,
            },
        }
    }
}

/// When a token ends, when it is good now, by its `exp` and by `nbf` and `iat`, its starts (RFC 7519
/// sections 4.1.4 to 4.1.6). Its end is by this side's clock alone; a start may be a little ahead of that.
pub(crate) fn good_until(exp: u64, starts: [Option<u64>; 2], now: UnixTime) -> Option<UnixTime> {
    let expires = UnixTime::from_millis(exp.saturating_mul(1000));
    let latest_start = (now + CLOCK_SKEW).seconds();
    let has_begun = starts.into_iter().flatten().all(|start| start <= latest_start);
    (expires > now && has_begun).then_some(expires)
}

/// How far another's clock may be ahead.
const CLOCK_SKEW: Duration = Duration::from_secs(30);
