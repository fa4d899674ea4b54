//! Framing: bytes that pass are the same requests in any pieces and to another parser.
#![no_main]

use agentcred_issuer::fuzzing::reads_as_heads;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let passes = reads_as_heads(data, usize::MAX);
    for size in [1, 2, 7, 64] {
        assert_eq!(reads_as_heads(data, size), passes, "pieces of {size} make a difference");
    }
    let mut rest = data;
    while passes && let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&rest[..end + 4]) {
            Ok(status) => assert_eq!(status, httparse::Status::Complete(end + 4)),
            // A parser that takes less than we do refuses, which is as good.
            Err(_) => return,
        }
        assert_eq!(request.version, Some(1));
        assert!(request.path.is_some_and(|path| path.starts_with('/')));
        let named = |name: &str| {
            let name = name.to_owned();
            let headers = request.headers.iter();
            headers.filter(move |it| it.name.eq_ignore_ascii_case(&name)).map(|it| it.value)
        };
        assert_eq!(named("host").count(), 1, "not one host");
        assert_eq!(named("transfer-encoding").count(), 0, "a transfer encoding");
        let lengths: Vec<_> = named("content-length").collect();
        assert!(lengths.len() <= 1, "two lengths");
        let length = lengths.first().map_or(0, |value| {
            let text = str::from_utf8(value).expect("digits");
            assert!(text.bytes().all(|byte| byte.is_ascii_digit()), "a length of {text:?}");
            text.parse().expect("a length")
        });
        // What follows the body is the next head.
        rest = rest.get(end + 4 + length..).unwrap_or_default();
    }
});
