//! Token text: one form is a nonce, and a change of any character makes it none.
#![no_main]

use agentcred_protocol::token::{GrantToken, NonceToken};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = str::from_utf8(data) {
        check(text);
        // The same text with the checksum that it should have.
        if text.is_ascii() && text.len() >= 47 {
            let body = &text[..47];
            let checksum = crc32fast::hash(body.as_bytes()).to_be_bytes();
            check(&format!("{body}{}", URL_SAFE_NO_PAD.encode(checksum)));
        }
    }
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let _ = NonceToken::from_authorization(&value);
    }
});

fn check(text: &str) {
    let Ok(nonce) = NonceToken::parse(text.to_owned()) else { return };
    let body = text.strip_prefix("acn_").expect("another prefix is a nonce");
    assert_eq!(body.len(), 49);
    assert!(body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    assert!(GrantToken::parse(text.to_owned()).is_err(), "a nonce is a grant");

    let header = nonce.authorization().expect("a header's value");
    let again = NonceToken::from_authorization(&header).expect("what was written reads back");
    assert_eq!(again.proof_hash(), nonce.proof_hash());
    assert!(!format!("{nonce:?} {header:?}").contains(&body[..8]), "its text is shown");

    for (position, byte) in text.bytes().enumerate() {
        let mut changed = text.as_bytes().to_vec();
        changed[position] = if byte == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("still text");
        assert!(NonceToken::parse(changed).is_err(), "a change at {position} is not noticed");
    }
    assert!(NonceToken::parse(text[..52].to_owned()).is_err());
    assert!(NonceToken::parse(format!("{text}A")).is_err());
}
