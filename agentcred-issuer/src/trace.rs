//! The trace that a caller says its request belongs to, for the audit.

use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::trace::{TraceId, TraceParent};
use http::HeaderMap;

use crate::proven::only;
use crate::refused::Refused;

/// The trace of a request, if it names one. A `traceparent` that is none, or that stands twice,
/// is refused: what goes into the audit is not guessed at.
pub(crate) fn named(headers: &HeaderMap) -> Result<Option<TraceId>, Refused> {
    if !headers.contains_key(TraceParent::HEADER) {
        return Ok(None);
    }
    only(headers, TraceParent::HEADER)
        .and_then(|value| value.to_str().ok()?.parse::<TraceParent>().ok())
        .map(|parent| Some(parent.trace_id()))
        .ok_or_else(|| Refused::new(RefusalCode::InvalidRequest, "malformed_traceparent"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_trace_or_none_and_never_two() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut headers = HeaderMap::new();
        assert!(named(&headers).unwrap().is_none());
        headers.insert(TraceParent::HEADER, HeaderValue::from_static(text));
        let trace = named(&headers).unwrap().unwrap().to_string();
        assert_eq!(trace, "4bf92f3577b34da6a3ce929d0e0e4736");
        headers.append(TraceParent::HEADER, HeaderValue::from_static(text));
        assert_eq!(named(&headers).unwrap_err().reason, "malformed_traceparent");
        headers.insert(TraceParent::HEADER, HeaderValue::from_bytes(b"\xff").unwrap());
        assert!(named(&headers).is_err());
    }
}
