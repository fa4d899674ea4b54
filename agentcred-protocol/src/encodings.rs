//! The forms in which a secret comes back when an API echoes it.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// Every form of `secret` that is searched for, the plain one first. Letter case is left to
/// the search. Forms that hash or encrypt cannot be known and are not here.
pub fn encodings(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms = vec![
        secret.to_vec(),
        secret.iter().rev().copied().collect(),
        each_byte(secret, |byte| format!("{byte:02x}")),
        each_byte(secret, |byte| format!("%{byte:02x}")),
        each_byte(secret, |byte| format!("\\u{byte:04x}")),
        each_byte(secret, |byte| format!("\\x{byte:02x}")),
        each_byte(secret, |byte| format!("\\{byte:03o}")),
        each_byte(secret, |byte| format!("&#{byte};")),
        each_byte(secret, |byte| format!("&#x{byte:x};")),
        each_byte(secret, |byte| format!("={byte:02x}")),
        joined(secret, " ", |byte| format!("{byte:02x}")),
        joined(secret, ":", |byte| format!("{byte:02x}")),
        joined(secret, ",", |byte| byte.to_string()),
        joined(secret, ", ", |byte| byte.to_string()),
        secret.iter().flat_map(|byte| [*byte, 0]).collect(),
        secret.iter().flat_map(|byte| [0, *byte]).collect(),
        reserved_escaped(secret, |byte| format!("%{byte:02x}")),
        reserved_escaped(secret, |byte| format!("={byte:02x}")),
        marks_escaped(secret, |byte| format!("%{byte:02x}")),
        each_byte(secret, |byte| match byte {
            b'/' => "\\/".to_owned(),
            b'"' | b'\\' => format!("\\{}", char::from(byte)),
            _ => char::from(byte).to_string(),
        }),
    ];
    for alignment in 0..3 {
        forms.push(base64_core(secret, alignment, &STANDARD_NO_PAD));
        forms.push(base64_core(secret, alignment, &URL_SAFE_NO_PAD));
    }
    forms.sort_unstable();
    forms.dedup();
    forms.into_iter().map(Zeroizing::new).collect()
}

fn each_byte(secret: &[u8], form: impl Fn(u8) -> String) -> Vec<u8> {
    joined(secret, "", form)
}

fn joined(secret: &[u8], separator: &str, form: impl Fn(u8) -> String) -> Vec<u8> {
    let mut text = String::new();
    for (position, byte) in secret.iter().enumerate() {
        if position > 0 {
            text.push_str(separator);
        }
        text.push_str(&form(*byte));
    }
    text.into_bytes()
}

/// Letters, digits and the unreserved marks of RFC 3986 stay as they are.
fn reserved_escaped(secret: &[u8], escape: impl Fn(u8) -> String) -> Vec<u8> {
    each_byte(secret, |byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => escape(byte),
    })
}

/// Letters and digits stay as they are. Some encoders leave nothing else alone.
fn marks_escaped(secret: &[u8], escape: impl Fn(u8) -> String) -> Vec<u8> {
    each_byte(secret, |byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => escape(byte),
    })
}

/// The characters of a base64 text that depend on the secret alone when `alignment` unknown
/// bytes stand before it, as in the base64 of `user:secret`, and any bytes follow.
fn base64_core(secret: &[u8], alignment: usize, engine: &impl base64::Engine) -> Vec<u8> {
    let mut padded = vec![0; alignment];
    padded.extend_from_slice(secret);
    let text = engine.encode(&padded).into_bytes();
    let from = (alignment * 8).div_ceil(6);
    let until = padded.len() * 8 / 6;
    text[from..until].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    #[test]
    fn base64_is_found_at_every_alignment() {
        let secret = b"sk_test_51HZ";
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "x", "xy"] {
                let text =
                    STANDARD_NO_PAD.encode([before.as_bytes(), secret, after.as_bytes()].concat());
                let found = encodings(secret).iter().any(|form| {
                    text.as_bytes().windows(form.len()).any(|window| window == form.as_slice())
                });
                assert!(found, "{before:?} {after:?} {text}");
            }
        }
    }
}
