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
    for separator in [" ", "-", ",", "\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}", "\u{feff}"] {
        forms.push(joined(secret, separator, |byte| char::from(byte).to_string()));
    }
    forms.extend(cores(secret));
    forms.sort_unstable();
    forms.dedup();
    forms.into_iter().map(Zeroizing::new).collect()
}

/// The forms that a change of letter case keeps from being decoded, and those that nothing shorter
/// than a group decodes: base64, base32 and base85 at every alignment.
pub(crate) fn cores(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for alignment in 0..5 {
        forms.push(base32_core(secret, alignment));
    }
    for alignment in 0..4 {
        forms.push(base85_core(secret, alignment, ASCII85));
        forms.push(base85_core(secret, alignment, Z85));
    }
    for alignment in 0..3 {
        forms.push(base64_core(secret, alignment, &STANDARD_NO_PAD));
        forms.push(base64_core(secret, alignment, &URL_SAFE_NO_PAD));
    }
    // A short secret leaves short cores at some alignments, which would be found everywhere.
    forms.retain(|form| form.len() >= secret.len().min(SHORTEST_FORM));
    forms
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

/// As [`base64_core`], in base32 (RFC 4648 section 6).
fn base32_core(secret: &[u8], alignment: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bit = |position: usize| secret[position / 8] >> (7 - position % 8) & 1;
    // The first character that lies in the secret whole, in bits from the secret's start.
    let first = (alignment * 8).next_multiple_of(5) - alignment * 8;
    let bits: Vec<u8> = (first..secret.len() * 8).map(bit).collect();
    let value =
        |five: &[u8]| five.iter().fold(0_usize, |value, bit| value << 1 | usize::from(*bit));
    bits.chunks_exact(5).map(|five| ALPHABET[value(five)]).collect()
}

/// As [`base64_core`], in groups of four bytes and five characters: the groups that lie in the
/// secret whole.
fn base85_core(secret: &[u8], alignment: usize, alphabet: &[u8; 85]) -> Vec<u8> {
    let first = (4 - alignment) % 4;
    let groups = secret.get(first..).unwrap_or_default().chunks_exact(4);
    groups
        .flat_map(|group| {
            let value = group.iter().fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
            [52_200_625, 614_125, 7225, 85, 1].map(|weight| alphabet[value / weight % 85])
        })
        .collect()
}

const SHORTEST_FORM: usize = 12;

/// ASCII85, as in PDF and PostScript.
const ASCII85: &[u8; 85] =
    b"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstu";
/// Z85, as in `ZeroMQ`.
const Z85: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn has_form(secret: &[u8], text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        encodings(secret)
            .iter()
            .any(|form| text.contains(&*String::from_utf8_lossy(&form.to_ascii_lowercase())))
    }

    #[test]
    fn base32_and_base85_are_found_at_every_alignment() {
        // python3: base64.b32encode and base64.a85encode of "", "a", "ab", .. and the secret.
        let secret = b"sk_test_51HZabcdefgh";
        for text in [
            r"ONVV65DFON2F6NJRJBNGCYTDMRSWMZ3IEE======",
            r"MFZWWX3UMVZXIXZVGFEFUYLCMNSGKZTHNAQQ====",
            r"MFRHG227ORSXG5C7GUYUQWTBMJRWIZLGM5UCC===",
            r"MFRGG43LL52GK43UL42TCSC2MFRGGZDFMZTWQII=",
            r"MFRGGZDTNNPXIZLTORPTKMKILJQWEY3EMVTGO2BB",
            r"F),-)ATMs#2).X*@:E_WAS,Rg+T",
            r"@<63kFCfN8?SsQ/>%(lMA7]@cBH[",
            r"@:F:n?Z]k#FC-m[86TG2@q9._B4rF",
            r"@:E_fCL;0pF*(bH0h>JV@Uiq[AnPd#",
        ] {
            assert!(has_form(secret, text), "{text}");
        }
    }

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
