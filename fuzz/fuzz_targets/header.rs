//! Headers: both ways only those of a list pass, once and unchanged, and no secret comes back.
#![no_main]

use std::sync::LazyLock;

use agentcred_fuzz::{GATE, SECRET, is_given_away};
use agentcred_protocol::encodings::encodings;
use agentcred_protocol::scrub::Scrubber;
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| Scrubber::new([SECRET]));

/// Every form of the secret, in small letters.
static FORMS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| encodings(SECRET).iter().map(|form| form.to_ascii_lowercase()).collect());

// A header a line; `$0`, `$1` and so on stand for the secret in its forms.
fuzz_target!(|data: &[u8]| {
    let mut received = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(50) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let mut value = line[colon + 1..].to_vec();
        if let Some(at) = value.windows(2).position(|pair| pair[0] == b'$') {
            let form =
                FORMS[usize::from(value[at + 1] - value[at + 1].min(b'0')) % FORMS.len()].clone();
            value.splice(at..at + 2, form);
        }
        let name = HeaderName::from_bytes(&line[..colon]);
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value)) else { continue };
        received.append(name, value);
    }
    if let Some(sent) = GATE.headers(&received) {
        assert!(received.keys().all(|name| !asks_for_another_method(name.as_str())));
        for (name, value) in &sent {
            assert!(PASSED_ON.contains(&name.as_str()), "{name} is passed on");
            assert_eq!(sent.get_all(name).iter().count(), 1, "{name} is sent twice");
            let came: Vec<_> = received.get_all(name).iter().collect();
            assert_eq!(came, [value], "{name} is not what came");
        }
    }
    for (name, value) in &GATE.answer_headers(&received, &SCRUBBER) {
        let text = name.as_str();
        let is_rate = text.starts_with("ratelimit") || text.starts_with("x-ratelimit-");
        assert!(is_rate || PASSED_BACK.contains(&text), "{name} comes back");
        assert!(!is_given_away(value.as_bytes()), "{name} carries the secret back");
    }
});

fn asks_for_another_method(name: &str) -> bool {
    ["x-http-method-override", "x-http-method", "x-method-override", "x_http_method_override"]
        .contains(&name)
}

const PASSED_ON: [&str; 6] =
    ["accept", "content-type", "idempotency-key", "if-match", "if-none-match", "stripe-version"];

const PASSED_BACK: [&str; 7] = [
    "content-type",
    "etag",
    "last-modified",
    "retry-after",
    "request-id",
    "x-request-id",
    "x-more",
];
