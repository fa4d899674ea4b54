//! Finds a known secret in any output, by decoding the output in every way that it could be in.
//!
//! The product redacts by encoding secrets and searching for the forms. The oracle goes the other
//! way, so that both are not blind in the same place: it decodes what it is given and looks for
//! any 12 characters in a row of the secret.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How many characters of a secret in a row count as a leak.
const WINDOW: usize = 12;

/// Whether any part of `secret` stands in `output`, in any encoding that the oracle knows.
pub fn leaks(output: &[u8], secret: &str) -> bool {
    assert!(
        secret.len() >= WINDOW,
        "a secret of {} characters is too short to be looked for",
        secret.len()
    );
    let secret = secret.to_ascii_lowercase();
    let unescaped = unescape(output);
    [output, &unescaped].into_iter().any(|output| {
        shows(output, &secret)
            || shows(&reversed(output), &secret)
            || shows(&without_separators(output), &without_separators_text(&secret))
            || base64_runs(output).iter().any(|decoded| shows(decoded, &secret))
            || hex_runs(output).iter().any(|decoded| shows(decoded, &secret))
            || shows(&numbers(output), &secret)
    })
}

/// Whether any window of the lower-case secret stands in the text, whatever the letter case.
fn shows(text: &[u8], secret: &str) -> bool {
    let text = text.to_ascii_lowercase();
    secret.as_bytes().windows(WINDOW).any(|window| memchr::memmem::find(&text, window).is_some())
}

fn reversed(text: &[u8]) -> Vec<u8> {
    text.iter().rev().copied().collect()
}

/// Letters and digits alone: finds what spaces, zero-width characters or NULs keep apart.
fn without_separators(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(u8::is_ascii_alphanumeric).collect()
}

fn without_separators_text(secret: &str) -> String {
    secret.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// `%41`, `=41`, `\x41`, `\u0041`, `\101`, `&#65;` and `&#x41;` as the bytes that they stand for.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escape = match first {
            b'%' | b'=' => number(after, 2, 16).map(|byte| (byte, 3)),
            b'\\' if after.first() == Some(&b'x') => {
                number(&after[1..], 2, 16).map(|byte| (byte, 4))
            }
            b'\\' if after.first() == Some(&b'u') => {
                number(&after[1..], 4, 16).map(|byte| (byte, 6))
            }
            b'\\' if after.first() == Some(&b'/') => Some((b'/', 2)),
            b'\\' => number(after, 3, 8).map(|byte| (byte, 4)),
            b'&' => entity(after),
            _ => None,
        };
        let (byte, length) = escape.unwrap_or((first, 1));
        plain.push(byte);
        rest = &rest[length..];
    }
    plain
}

fn number(text: &[u8], digits: usize, radix: u32) -> Option<u8> {
    let digits = std::str::from_utf8(text.get(..digits)?).ok()?;
    u8::try_from(u32::from_str_radix(digits, radix).ok()?).ok()
}

fn entity(after: &[u8]) -> Option<(u8, usize)> {
    let end = after.iter().take(8).position(|byte| *byte == b';')?;
    let body = std::str::from_utf8(&after[..end]).ok()?.strip_prefix('#')?;
    let value = match body.strip_prefix(['x', 'X']) {
        Some(hex) => u8::from_str_radix(hex, 16).ok()?,
        None => body.parse().ok()?,
    };
    Some((value, end + 2))
}

/// Runs of at least 16 bytes that `belongs` takes.
fn runs(text: &[u8], belongs: impl Fn(u8) -> bool) -> Vec<&[u8]> {
    text.split(|byte| !belongs(*byte)).filter(|run| run.len() >= 16).collect()
}

/// Every run that may be base64, decoded from each of its first four characters.
fn base64_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let mut decoded = Vec::new();
    for (alphabet, extra) in [(&alphabet::STANDARD, b"+/"), (&alphabet::URL_SAFE, b"-_")] {
        let engine = GeneralPurpose::new(alphabet, config);
        for run in runs(text, |byte| byte.is_ascii_alphanumeric() || extra.contains(&byte)) {
            for start in 0..4 {
                let run = &run[start..];
                let whole = run.len() - usize::from(run.len() % 4 == 1);
                decoded.extend(engine.decode(&run[..whole]));
            }
        }
    }
    decoded
}

/// Every run that may be hex, separators left out, decoded from both of its first digits.
fn hex_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let mut decoded = Vec::new();
    for run in runs(text, |byte| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b':')) {
        let digits: Vec<u8> = run.iter().copied().filter(u8::is_ascii_hexdigit).collect();
        for start in 0..2 {
            decoded.push(
                digits[start.min(digits.len())..]
                    .chunks_exact(2)
                    .filter_map(|pair| number(pair, 2, 16))
                    .collect(),
            );
        }
    }
    decoded
}

/// Decimal numbers below 256 as the bytes that they are.
fn numbers(text: &[u8]) -> Vec<u8> {
    text.split(|byte| !byte.is_ascii_digit())
        .filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .collect()
}

mod controls {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    const SECRET: &str = "sk_test_4eC39HqLyjWDarjtT1zdp7dc";

    fn each(form: impl Fn(u8) -> String) -> String {
        SECRET.bytes().map(form).collect()
    }

    #[test]
    fn every_encoding_of_a_secret_is_found() {
        let forms = [
            SECRET.to_owned(),
            SECRET.to_ascii_uppercase(),
            SECRET.chars().rev().collect(),
            SECRET[5..17].to_owned(),
            STANDARD.encode(SECRET),
            STANDARD.encode(format!("user:{SECRET}:x")),
            URL_SAFE_NO_PAD.encode(format!("a{SECRET}")),
            each(|byte| format!("{byte:02x}")),
            each(|byte| format!("{byte:02X} ")),
            each(|byte| format!("%{byte:02x}")),
            each(|byte| format!("\\u{byte:04x}")),
            each(|byte| format!("\\x{byte:02x}")),
            each(|byte| format!("\\{byte:03o}")),
            each(|byte| format!("&#{byte};")),
            each(|byte| format!("&#x{byte:x};")),
            each(|byte| format!("={byte:02X}")),
            each(|byte| format!("{byte}, ")),
            each(|byte| format!("{}\u{200b}", char::from(byte))),
            each(|byte| format!("{}\0", char::from(byte))),
            each(|byte| format!("{} ", char::from(byte))),
        ];
        for form in forms {
            let output = format!("text before {{\"value\": \"{form}\"}} and after");
            assert!(leaks(output.as_bytes(), SECRET), "{form}");
        }
    }

    #[test]
    fn clean_output_is_clean() {
        let output = "customer cus_0042 owes 12.50 usd on in_0042, token [redacted] 0123456789abcdef0123456789abcdef";
        assert!(!leaks(output.as_bytes(), SECRET));
    }
}
