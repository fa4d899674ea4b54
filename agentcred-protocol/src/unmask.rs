//! Finds any 12 characters in a row of a secret, by undoing the disguises that a text may wear.
//!
//! [`encodings`](crate::encodings) knows what a whole secret looks like under each encoding, and
//! that search can run over a stream. This one takes a whole text and works from the other end: it
//! decodes whatever can be decoded, twice over, and so finds parts of a secret, parts that were
//! kept apart, and encodings of encodings.

use crate::encodings::cores;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How many characters of a secret in a row give it away. Fewer are found everywhere.
pub(crate) const WINDOW: usize = 12;

/// How many disguises may be worn over one another.
const LAYERS: u32 = 2;

/// The shortest run of base64, base32 or hex that can hide a window.
const SHORTEST_RUN: usize = 15;

/// The windows of some secrets.
#[derive(Clone)]
pub(crate) struct Unmasker(Option<AhoCorasick>);

impl Unmasker {
    pub(crate) fn new(secrets: &[&[u8]]) -> Self {
        let mut windows: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            windows.extend(cores(secret));
            let letters = without_separators(secret);
            for form in
                [secret.to_vec(), reversed(secret), reversed(&letters), rot13(secret), letters]
            {
                // A secret that is shorter than a window is one itself.
                let length = WINDOW.min(secret.len()).min(form.len().max(1));
                if length * 3 >= WINDOW * 2 {
                    windows.extend(form.windows(length).map(<[u8]>::to_vec));
                }
            }
        }
        windows.sort_unstable();
        windows.dedup();
        let search = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&windows);
        Self(search.ok().filter(|_| !windows.is_empty()))
    }

    /// Whether any window of any secret stands in the text, under any disguise known here.
    pub(crate) fn shows(&self, text: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|windows| shows(windows, text, LAYERS))
    }
}

fn shows(windows: &AhoCorasick, text: &[u8], layers: u32) -> bool {
    if text.len() < crate::scrub::Scrubber::SHORTEST_SECRET {
        return false;
    }
    windows.is_match(text)
        || windows.is_match(&without_separators(text))
        || layers > 0
            && plain_texts(text).iter().any(|plain| {
                // What decodes to anything but text is the end of the road.
                let next = if is_text(plain) { layers - 1 } else { 0 };
                shows(windows, plain, next)
            })
}

/// The text in every way that it can be read.
fn plain_texts(text: &[u8]) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    let unescaped = unescape(text);
    if unescaped != text {
        texts.push(unescaped);
    }
    let unfolded: Vec<u8> =
        text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    texts.extend(base64_runs(&unfolded));
    texts.extend(base32_runs(&unfolded));
    if unfolded != text {
        texts.extend(base64_runs(text));
        texts.extend(base32_runs(text));
    }
    texts.extend(hex_runs(text));
    texts.extend(numbers(text));
    texts
}

fn is_text(bytes: &[u8]) -> bool {
    let printable =
        bytes.iter().filter(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    printable.count() * 10 >= bytes.len() * 9
}

fn reversed(text: &[u8]) -> Vec<u8> {
    text.iter().rev().copied().collect()
}

fn rot13(text: &[u8]) -> Vec<u8> {
    let turn = |byte: u8, from: u8| (byte - from + 13) % 26 + from;
    text.iter()
        .map(|byte| match byte {
            b'a'..=b'z' => turn(*byte, b'a'),
            b'A'..=b'Z' => turn(*byte, b'A'),
            _ => *byte,
        })
        .collect()
}

/// Letters and digits alone: undoes spaces, zero-width characters, NULs of UTF-16, and lists of
/// single characters.
fn without_separators(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(u8::is_ascii_alphanumeric).collect()
}

/// Undoes `%41`, `=41`, `\x41`, `\u0041`, `\101`, `&#65;`, `&#x41;`, escaped and soft line breaks.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, length) = escape(first, after).unwrap_or((Some(first), 1));
        plain.extend(byte);
        rest = &rest[length..];
    }
    plain
}

/// The byte that an escape stands for, if any, and how long the escape is.
fn escape(first: u8, after: &[u8]) -> Option<(Option<u8>, usize)> {
    match (first, after) {
        (b'=', [b'\n', ..]) | (b'\\', [b'n' | b'r', ..]) => Some((None, 2)),
        (b'=', [b'\r', b'\n', ..]) => Some((None, 3)),
        (b'%' | b'=', _) => number(after.get(..2)?, 16).map(|byte| (Some(byte), 3)),
        (b'\\', [b'x', digits @ ..]) => number(digits.get(..2)?, 16).map(|byte| (Some(byte), 4)),
        (b'\\', [b'u', b'{', digits @ ..]) => closed(digits, b'}', 16, 4),
        (b'\\', [b'u', digits @ ..]) => number(digits.get(..4)?, 16).map(|byte| (Some(byte), 6)),
        (b'\\', [mark @ (b'/' | b'"' | b'\\'), ..]) => Some((Some(*mark), 2)),
        (b'\\', _) => number(after.get(..3)?, 8).map(|byte| (Some(byte), 4)),
        (b'&', [b'#', b'x' | b'X', digits @ ..]) => closed(digits, b';', 16, 4),
        (b'&', [b'#', digits @ ..]) => closed(digits, b';', 10, 3),
        _ => None,
    }
}

/// A number up to its closing mark; `around` is what the escape has beside the digits.
fn closed(digits: &[u8], mark: u8, radix: u32, around: usize) -> Option<(Option<u8>, usize)> {
    let end = digits.iter().take(8).position(|byte| *byte == mark)?;
    Some((Some(number(&digits[..end], radix)?), end + around))
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    u8::try_from(u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?).ok()
}

/// Runs of bytes that `belongs` takes and that are long enough to hide a window.
fn runs(text: &[u8], belongs: impl Fn(u8) -> bool) -> impl Iterator<Item = &[u8]> {
    text.split(move |byte| !belongs(*byte)).filter(|run| run.len() >= SHORTEST_RUN)
}

/// Every run that may be base64, decoded from each of its first four characters.
fn base64_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let mut decoded = Vec::new();
    for (alphabet, marks) in [(&alphabet::STANDARD, *b"+/"), (&alphabet::URL_SAFE, *b"-_")] {
        let engine = GeneralPurpose::new(alphabet, config);
        for run in runs(text, |byte| byte.is_ascii_alphanumeric() || marks.contains(&byte)) {
            for start in 0..4 {
                let run = &run[start..];
                let whole = run.len() - usize::from(run.len() % 4 == 1);
                decoded.extend(engine.decode(&run[..whole]));
            }
        }
    }
    decoded
}

/// Every run that may be base32 (RFC 4648 section 6), decoded from each of its first eight
/// characters.
fn base32_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let value = |byte: u8| match byte.to_ascii_uppercase() {
        letter @ b'A'..=b'Z' => Some(letter - b'A'),
        digit @ b'2'..=b'7' => Some(digit - b'2' + 26),
        _ => None,
    };
    let mut decoded = Vec::new();
    for run in runs(text, |byte| value(byte).is_some()) {
        for start in 0..8 {
            let bits = run[start..].iter().filter_map(|byte| value(*byte));
            let mut plain = Vec::with_capacity(run.len() * 5 / 8);
            let (mut held, mut count) = (0_u32, 0);
            for five in bits {
                held = (held << 5 | u32::from(five)) & 0xfff;
                count += 5;
                if count >= 8 {
                    count -= 8;
                    plain.extend(u8::try_from(held >> count & 0xff));
                }
            }
            decoded.push(plain);
        }
    }
    decoded
}

/// Every run that may be hex, separators left out, decoded from both of its first digits.
fn hex_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let mut decoded = Vec::new();
    for run in runs(text, |byte| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b':' | b'-')) {
        let digits: Vec<u8> = run.iter().copied().filter(u8::is_ascii_hexdigit).collect();
        for start in 0..2.min(digits.len()) {
            let pairs = digits[start..].chunks_exact(2);
            decoded.push(pairs.filter_map(|pair| number(pair, 16)).collect());
        }
    }
    decoded
}

/// Lists of numbers as the bytes that they are: decimal, `0x41`, and octal.
fn numbers(text: &[u8]) -> [Vec<u8>; 2] {
    let words = || text.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let decimal = |word: &[u8]| match word {
        [b'0', b'x' | b'X', digits @ ..] => number(digits, 16),
        _ => number(word, 10),
    };
    [words().filter_map(decimal).collect(), words().filter_map(|word| number(word, 8)).collect()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    const SECRET: &str = "acn_4eC39HqLyjWDarjtT1zdp7dc0aB_xYz";

    fn each(form: impl Fn(u8) -> String) -> String {
        SECRET.bytes().map(form).collect()
    }

    fn finds(text: &str) -> bool {
        Unmasker::new(&[SECRET.as_bytes()]).shows(text.as_bytes())
    }

    // Leak channel 8.
    #[test]
    fn every_disguise_is_seen_through() {
        let wrapped: String = STANDARD
            .encode(format!("user:{SECRET}"))
            .as_bytes()
            .chunks(10)
            .flat_map(|line| [std::str::from_utf8(line).unwrap(), "\r\n"])
            .collect();
        let disguises = [
            SECRET[7..19].to_owned(),
            SECRET.chars().rev().collect(),
            String::from_utf8(rot13(SECRET.as_bytes())).unwrap(),
            STANDARD.encode(&SECRET[3..20]),
            STANDARD.encode(STANDARD.encode(SECRET)),
            URL_SAFE_NO_PAD.encode(each(|byte| format!("{byte:02x}"))),
            wrapped.clone(),
            wrapped.replace("\r\n", "\\n"),
            "MFRW4XZUMVBTGOKIOFGHS2SXIRQXE2TUKQYXUZDQG5SGGMDBIJPXQWL2".to_owned(),
            STANDARD.encode(SECRET).to_ascii_uppercase(),
            each(|byte| format!("{byte:02X}:")),
            each(|byte| format!("%25{byte:02x}")),
            each(|byte| format!("\\\\u{byte:04x}")),
            each(|byte| format!("\\u{{{byte:x}}}")),
            each(|byte| format!("&#0{byte};")),
            each(|byte| format!("={byte:02X}=\r\n")),
            each(|byte| format!("0x{byte:x}, ")),
            each(|byte| format!("{byte:o} ")),
            each(|byte| format!("[{byte}]")),
            each(|byte| format!("{}\u{200b}", char::from(byte))),
            each(|byte| format!("\"{}\",", char::from(byte))),
        ];
        for disguise in disguises {
            assert!(finds(&format!("before \"{disguise}\" after")), "{disguise}");
        }
    }

    #[test]
    fn eleven_characters_give_nothing_away() {
        assert!(!finds(&SECRET[6..17]));
        assert!(!finds("customer cus_0042 owes 12.50 usd 0123456789abcdef0123456789abcdef"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_search_panic(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(!Unmasker::new(&[SECRET.as_bytes()]).shows(&text));
        }

        #[test]
        fn no_escape_makes_the_search_panic(text in "[\\\\%=&#xu{};:0-9a-fA-F\r\n ]{0,80}") {
            finds(&text);
        }
    }
}
