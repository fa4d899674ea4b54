//! Headers: what of a request goes on to the upstream, and what of its answer comes back.
//!
//! Both ways they are built from a list, never copied and then cleaned.

use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scrub::Scrubber;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::method_override::is_override_header;
use crate::refused::Refused;

/// The headers of a request that are passed on: those of every service and `more`.
///
/// One that stands twice could be read in two ways, and one that asks for another method than
/// the request line names would slip past the rules: neither is dropped, both are refused.
pub(crate) fn passed_on(received: &HeaderMap, more: &[HeaderName]) -> Result<HeaderMap, Refused> {
    if received.keys().any(is_override_header) {
        return Err(Refused::new(RefusalCode::MethodOverride, "method_override_header"));
    }
    let mut headers = HeaderMap::new();
    for name in PASSED_ON.iter().chain(more) {
        let mut values = received.get_all(name).iter();
        let Some(value) = values.next() else { continue };
        if values.next().is_some() {
            return Err(Refused::new(RefusalCode::InvalidRequest, "repeated_header"));
        }
        headers.insert(name, value.clone());
    }
    Ok(headers)
}

/// The headers of an answer that come back: those of every service and `more`, as far as no
/// secret stands in them, in whole or in part. Their names are the upstream's words too. None when
/// the values give a secret away together, so that it cannot be taken out of one.
pub(crate) fn passed_back(
    received: &HeaderMap,
    more: &[HeaderName],
    scrubbers: [&Scrubber; 2],
) -> Option<HeaderMap> {
    let shows = |text: &[u8]| scrubbers.iter().any(|it| it.finds(text) || it.shows(text));
    let mut headers = HeaderMap::new();
    let mut values = Vec::new();
    for (name, value) in received {
        let is_allowed = PASSED_BACK.contains(name)
            || more.contains(name)
            || PASSED_BACK_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix));
        if is_allowed && !shows(name.as_str().as_bytes()) && !shows(value.as_bytes()) {
            // Without its mark, a value that hyper took for sensitive would be hidden in logs
            // that need it; here none is left.
            let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else { continue };
            values.extend_from_slice(value.as_bytes());
            headers.append(name, value);
        }
    }
    (!shows(&values)).then_some(headers)
}

/// The request headers that every service gets when the caller sends them.
const PASSED_ON: [HeaderName; 5] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    header::IF_MATCH,
    header::IF_NONE_MATCH,
];

/// The response headers that come back from every service.
const PASSED_BACK: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::RETRY_AFTER,
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-request-id"),
];

/// Rate limits have many names, which begin alike.
const PASSED_BACK_PREFIXES: [&str; 2] = ["ratelimit", "x-ratelimit-"];
