//! Finds a known secret in any output, by decoding the output in every way that it could be in.
//!
//! It calls none of the redaction that it judges, so that a fault there does not hide itself. It is
//! no second opinion on the method: the redaction decodes the same encodings, as deep, and looks
//! for as long a window, so that a disguise which neither knows passes both.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How many characters of a secret in a row count as a leak.
pub const WINDOW: usize = 12;

/// Whether any [`WINDOW`] characters of `secret` stand in `output`, in any encoding that the
/// oracle knows: plain in any letter case, backwards, apart by separators, base64, base32, hex,
/// escapes of URLs, JSON, HTML, C and mail, lists of numbers, rot13, and any two of these over
/// one another.
///
/// # Panics
/// When the secret is shorter than a window.
pub fn leaks(output: &[u8], secret: &str) -> bool {
    Oracle::new(secret).finds(output)
}

/// The oracle for one secret, for many outputs.
pub struct Oracle {
    windows: AhoCorasick,
}

impl Oracle {
    /// Prepares the search.
    ///
    /// # Panics
    /// When the secret is shorter than a window.
    #[expect(clippy::expect_used, reason = "the number and length of the patterns are bounded")]
    pub fn new(secret: &str) -> Self {
        assert!(secret.len() >= WINDOW, "a secret of {} characters is too short", secret.len());
        let turned: String = secret.chars().map(rot13).collect();
        let letters: String = secret.chars().filter(char::is_ascii_alphanumeric).collect();
        let mut forms = vec![secret.to_owned(), turned, letters];
        forms.extend(forms.clone().iter().map(|form| form.chars().rev().collect::<String>()));
        let windows = forms.iter().flat_map(|form| form.as_bytes().windows(WINDOW));
        let search = AhoCorasick::builder().ascii_case_insensitive(true).build(windows);
        Self { windows: search.expect("a few hundred short patterns make an automaton") }
    }

    /// Whether any part of the secret stands in `output`.
    pub fn finds(&self, output: &[u8]) -> bool {
        self.seen_in(output)
            || readings(output).iter().any(|once| {
                self.seen_in(once)
                    || is_text(once) && readings(once).iter().any(|twice| self.seen_in(twice))
            })
    }

    fn seen_in(&self, text: &[u8]) -> bool {
        let letters: Vec<u8> = text.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
        self.windows.is_match(text) || self.windows.is_match(&letters)
    }
}

fn rot13(letter: char) -> char {
    match letter {
        'a'..='m' | 'A'..='M' => char::from(letter as u8 + 13),
        'n'..='z' | 'N'..='Z' => char::from(letter as u8 - 13),
        other => other,
    }
}

/// What decodes to anything but text hides nothing further.
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

/// The text decoded in every way that makes something else of it.
fn readings(text: &[u8]) -> Vec<Vec<u8>> {
    let mut readings = vec![unescape(text), numbers(text)];
    let unfolded: Vec<u8> =
        text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    for text in [text, &unfolded] {
        readings.extend(base64_runs(text));
        readings.extend(base32_runs(text));
    }
    readings.extend(hex_runs(text));
    readings.retain(|reading| reading.len() >= WINDOW && reading != text);
    readings
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
            b'\\' if matches!(after.first(), Some(b'/' | b'\\')) => Some((after[0], 2)),
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

/// Every run that may be base32, decoded from each of its first eight characters.
fn base32_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let position = |byte: u8| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|c| *c == byte.to_ascii_uppercase())
    };
    let mut decoded = Vec::new();
    for run in runs(text, |byte| position(byte).is_some()) {
        for start in 0..8 {
            let bits = run[start..].iter().filter_map(|byte| position(*byte));
            let bits: Vec<usize> =
                bits.flat_map(|five| (0..5).rev().map(move |bit| five >> bit & 1)).collect();
            let bytes =
                bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |v, bit| v * 2 + bit));
            decoded.push(bytes.filter_map(|byte| u8::try_from(byte).ok()).collect());
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
            let pairs = digits[start.min(digits.len())..].chunks_exact(2);
            decoded.push(pairs.filter_map(|pair| number(pair, 2, 16)).collect());
        }
    }
    decoded
}

/// Decimal numbers below 256 as the bytes that they are.
fn numbers(text: &[u8]) -> Vec<u8> {
    let words = text.split(|byte| !byte.is_ascii_digit());
    words.filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Echo;

    const SECRET: &str = "sk_test_4eC39HqLyjWDarjtT1zdp7dc";

    // Leak channels 8, 9: control.
    #[test]
    fn every_encoding_of_a_secret_is_found() {
        for echo in Echo::ALL {
            let output = format!("before {{\"value\": \"{}\"}} after", echo.encode(SECRET));
            assert!(leaks(output.as_bytes(), SECRET), "{echo:?}: {output}");
        }
        assert!(leaks(&SECRET.as_bytes()[5..17], SECRET));
    }

    #[test]
    fn clean_output_is_clean() {
        let output = "customer cus_0042 owes 12.50 usd on in_0042, token [redacted] 0123456789abcdef0123456789abcdef";
        assert!(!leaks(output.as_bytes(), SECRET));
        assert!(!leaks(&SECRET.as_bytes()[5..16], SECRET));
    }
}
