//! `Retry-After`, in seconds or as a date (RFC 9110 section 10.2.3).

use std::time::Duration;

use agentcred_protocol::clock::UnixTime;
use http::header::{self, HeaderMap};

/// How long an upstream asks everybody to wait. What cannot be read asks for nothing.
pub(super) fn read(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let date = UnixTime::from_millis(u64::try_from(date.as_millisecond()).ok()?);
    Some(date.since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_anything_else_is_not() {
        let now = UnixTime::from_millis(784_111_777_000);
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            super::read(&headers, now)
        };
        assert_eq!(read("120"), Some(Duration::from_mins(2)));
        assert_eq!(read("0"), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999999"), Some(Duration::MAX));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(read("Sun, 06 Nov 1994 08:48:37 GMT"), Some(Duration::ZERO));
        for text in ["", "-1", "1.5", "soon", "Sun, 06 Nov"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
