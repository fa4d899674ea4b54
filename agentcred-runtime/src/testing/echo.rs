//! The ways in which a hostile upstream sends a secret back.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// One way of writing a secret into an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it; `encode` shows it")]
pub enum Echo {
    Plain,
    UpperCase,
    Reversed,
    Rot13,
    Truncated,
    TailOnly,
    Base64,
    Base64Url,
    Base64OfPair,
    Base64Wrapped,
    Base64Twice,
    Base32,
    Hex,
    HexSpaced,
    HexColons,
    Percent,
    PercentTwice,
    JsonEscapes,
    CEscapes,
    OctalEscapes,
    HtmlDecimal,
    HtmlHex,
    QuotedPrintable,
    Decimals,
    ZeroWidth,
    Spaced,
    Dashed,
    Utf16,
    HexOfBase64,
    Base64OfReversed,
}

impl Echo {
    /// Every one.
    pub const ALL: [Self; 30] = [
        Self::Plain,
        Self::UpperCase,
        Self::Reversed,
        Self::Rot13,
        Self::Truncated,
        Self::TailOnly,
        Self::Base64,
        Self::Base64Url,
        Self::Base64OfPair,
        Self::Base64Wrapped,
        Self::Base64Twice,
        Self::Base32,
        Self::Hex,
        Self::HexSpaced,
        Self::HexColons,
        Self::Percent,
        Self::PercentTwice,
        Self::JsonEscapes,
        Self::CEscapes,
        Self::OctalEscapes,
        Self::HtmlDecimal,
        Self::HtmlHex,
        Self::QuotedPrintable,
        Self::Decimals,
        Self::ZeroWidth,
        Self::Spaced,
        Self::Dashed,
        Self::Utf16,
        Self::HexOfBase64,
        Self::Base64OfReversed,
    ];

    /// The secret, written this way.
    pub fn encode(self, secret: &str) -> String {
        let each = |form: &dyn Fn(u8) -> String| each_of(secret, form);
        let letter = |byte: u8| char::from(byte);
        match self {
            Self::Plain => secret.to_owned(),
            Self::UpperCase => secret.to_ascii_uppercase(),
            Self::Reversed => secret.chars().rev().collect(),
            Self::Rot13 => secret.chars().map(rot13).collect(),
            Self::Truncated => secret.chars().take(16).collect(),
            Self::TailOnly => secret.chars().skip(secret.len().saturating_sub(16)).collect(),
            Self::Base64 => STANDARD.encode(secret),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(secret),
            Self::Base64OfPair => STANDARD.encode(format!("user:{secret}")),
            Self::Base64Wrapped => wrapped(&STANDARD.encode(secret)),
            Self::Base64Twice => STANDARD.encode(STANDARD.encode(secret)),
            Self::Base32 => base32(secret.as_bytes()),
            Self::Hex => each(&|byte| format!("{byte:02x}")),
            Self::HexSpaced => each(&|byte| format!("{byte:02X} ")),
            Self::HexColons => each(&|byte| format!("{byte:02x}:")),
            Self::Percent => each(&|byte| format!("%{byte:02X}")),
            Self::PercentTwice => each(&|byte| format!("%25{byte:02X}")),
            Self::JsonEscapes => each(&|byte| format!("\\u{byte:04x}")),
            Self::CEscapes => each(&|byte| format!("\\x{byte:02x}")),
            Self::OctalEscapes => each(&|byte| format!("\\{byte:03o}")),
            Self::HtmlDecimal => each(&|byte| format!("&#{byte};")),
            Self::HtmlHex => each(&|byte| format!("&#x{byte:x};")),
            Self::QuotedPrintable => each(&|byte| format!("={byte:02X}")),
            Self::Decimals => each(&|byte| format!("{byte}, ")),
            Self::ZeroWidth => each(&|byte| format!("{}\u{200b}", letter(byte))),
            Self::Spaced => each(&|byte| format!("{} ", letter(byte))),
            Self::Dashed => each(&|byte| format!("{}-", letter(byte))),
            Self::Utf16 => each(&|byte| format!("{}\0", letter(byte))),
            Self::HexOfBase64 => each_of(&STANDARD.encode(secret), &|byte| format!("{byte:02x}")),
            Self::Base64OfReversed => STANDARD.encode(secret.chars().rev().collect::<String>()),
        }
    }
}

fn each_of(text: &str, form: &dyn Fn(u8) -> String) -> String {
    text.bytes().map(form).collect()
}

fn rot13(letter: char) -> char {
    let turn = |first: u8| char::from((letter as u8 - first + 13) % 26 + first);
    match letter {
        'a'..='z' => turn(b'a'),
        'A'..='Z' => turn(b'A'),
        other => other,
    }
}

fn wrapped(text: &str) -> String {
    let lines = text.as_bytes().chunks(19).map(String::from_utf8_lossy);
    lines.collect::<Vec<_>>().join("\r\n")
}

fn base32(bytes: &[u8]) -> String {
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    bits.chunks(5)
        .map(|five| {
            let value = five.iter().fold(0_u8, |value, bit| value << 1 | bit) << (5 - five.len());
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(value)])
        })
        .collect()
}
