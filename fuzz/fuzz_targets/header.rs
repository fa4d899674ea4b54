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
        let name = HeaderName::from_bytes(&filled(&line[..colon]));
        let value = HeaderValue::from_bytes(&filled(&line[colon + 1..]));
        let (Ok(name), Ok(value)) = (name, value) else { continue };
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
    let returned = GATE.answer_headers(&received, &SCRUBBER).unwrap_or_default();
    for (name, value) in &returned {
        let text = name.as_str();
        let is_rate = text.starts_with("ratelimit") || text.starts_with("x-ratelimit-");
        assert!(is_rate || PASSED_BACK.contains(&text), "{name} comes back");
        assert!(!is_given_away(text.as_bytes()), "{name} gives the secret back");
        assert!(!is_given_away(value.as_bytes()), "{name} carries the secret back");
    }
    let values: Vec<_> = returned.values().flat_map(HeaderValue::as_bytes).copied().collect();
    assert!(!is_given_away(&values), "the headers give the secret back together");
});

/// The same with a form of the secret at the first `$`.
fn filled(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    if let Some(at) = text.windows(2).position(|pair| pair[0] == b'$') {
        let number = usize::from(text[at + 1].saturating_sub(b'0'));
        text.splice(at..at + 2, FORMS[number % FORMS.len()].iter().copied());
    }
    text
}

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
