//! Scrubbing: however a body is cut, no form of the secret passes, and no cut changes the result.
#![no_main]

use std::sync::LazyLock;

use agentcred_fuzz::{SECRET, is_given_away};
use agentcred_protocol::encodings::encodings;
use agentcred_protocol::scrub::Scrubber;
use libfuzzer_sys::fuzz_target;

static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| Scrubber::new([SECRET]));

static FORMS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| encodings(SECRET).iter().map(|form| form.to_vec()).collect());

// The sizes of chunks, a line feed, and a body. In it, 0x80 to 0xbf stand for the secret in one of
// its forms, and 0xc0 to 0xff for as many of its first characters as the low bits say.
fuzz_target!(|data: &[u8]| {
    let feed = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (sizes, template) = (&data[..feed], &data[(feed + 1).min(data.len())..]);
    let mut body = Vec::new();
    for byte in template.iter().take(400) {
        match byte {
            0x80..0xc0 => body.extend(&FORMS[usize::from(byte - 0x80) % FORMS.len()]),
            0xc0.. => body.extend(&SECRET[..usize::from(byte - 0xc0) % SECRET.len()]),
            byte => body.push(*byte),
        }
    }

    let mut whole = SCRUBBER.stream();
    let mut expected = whole.push(&body);
    expected.extend(whole.finish());

    let mut stream = SCRUBBER.stream();
    let (mut clean, mut rest) = (Vec::new(), body.as_slice());
    for size in sizes.iter().cycle().take(body.len()) {
        let (chunk, after) =
            rest.split_at(usize::from(*size % 64).clamp(1, rest.len().max(1)).min(rest.len()));
        clean.extend(stream.push(chunk));
        rest = after;
    }
    clean.extend(stream.push(rest));
    clean.extend(stream.finish());

    assert_eq!(clean, expected, "the cuts change the result");
    assert_eq!(stream.found(), whole.found());
    assert!(!is_given_away(&clean), "a form or a window of it passes");
    if whole.found() == 0 {
        assert_eq!(clean, body, "what holds no secret is changed");
    }
    if let Ok(text) = str::from_utf8(&body[..body.len().min(2000)]) {
        assert!(!SCRUBBER.shows(SCRUBBER.text(text).as_bytes()), "a text still shows the secret");
    }
});
