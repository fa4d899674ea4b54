//! What an answer says that it is, and whether its first bytes bear that out.
//!
//! A secret can be found in text alone. What is compressed hides it, whether or not a header says
//! so, and so does a charset in which plain letters are written in other bytes.

use http::header::{self, HeaderMap, HeaderValue};

/// How an answer's body is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// As a whole where it is small: its texts are searched once their escapes are undone.
    Json,
    /// Server-sent events, passed on one by one.
    Events,
    /// Other text.
    Text,
    /// Bytes.
    Binary,
}

impl Media {
    /// Reads the type of an answer.
    ///
    /// # Errors
    /// With the reason when it cannot be searched.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, &'static str> {
        // Compressed, the key would pass unseen; it was asked not to be. Of transfer codings only
        // chunks are undone on the way here (RFC 9112 section 7).
        let holds_more = |name, plain| headers.get_all(name).iter().any(|it| it != plain);
        if holds_more(header::CONTENT_ENCODING, "identity")
            || holds_more(header::TRANSFER_ENCODING, "chunked")
        {
            return Err("upstream_encoded_its_answer");
        }
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let Some(content_type) = types.next() else { return Ok(Self::Text) };
        if types.next().is_some() {
            return Err("upstream_repeated_its_content_type");
        }
        Self::read(content_type).ok_or("upstream_charset_unknown")
    }

    fn read(content_type: &HeaderValue) -> Option<Self> {
        let text = String::from_utf8_lossy(content_type.as_bytes()).to_ascii_lowercase();
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let charset = value.trim().trim_matches('"');
            if name.trim() == "charset" && !LIKE_ASCII.contains(&charset) {
                return None;
            }
        }
        Some(match media_type {
            "text/event-stream" => Self::Events,
            "application/json" => Self::Json,
            _ if media_type.ends_with("+json") => Self::Json,
            _ if media_type.starts_with("text/") || media_type.ends_with("xml") => Self::Text,
            "application/x-www-form-urlencoded" | "application/x-ndjson" | "" => Self::Text,
            _ => Self::Binary,
        })
    }

    /// Whether a body can begin like this without hiding what follows. Brotli has no mark of its
    /// own, so what should be text must not have bytes that text never has.
    pub(super) fn can_begin_with(self, bytes: &[u8]) -> bool {
        let is_packed = PACKED.iter().any(|mark| bytes.starts_with(mark));
        let is_text = || !bytes.iter().take(BEGINNING).any(|byte| is_never_in_text(*byte));
        !is_packed && (self == Self::Binary || is_text())
    }
}

const fn is_never_in_text(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c' | b'\x1b')
}

/// Charsets in which letters, digits and marks are the bytes that they are in ASCII.
const LIKE_ASCII: [&str; 6] = ["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"];

/// How compressed data begins: gzip, zlib at its four levels, zstd, xz, bzip2, LZ4, ZIP, 7z.
const PACKED: [&[u8]; 11] = [
    b"\x1f\x8b",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ\0",
    b"BZh",
    b"\x04\x22\x4d\x18",
    b"PK\x03\x04",
    b"7z\xbc\xaf\x27\x1c",
];

/// How much of a body is its beginning, in bytes: enough that nothing compressed looks like text.
pub(super) const BEGINNING: usize = 1024;

/// The longest mark of compressed data.
pub(super) const LONGEST_MARK: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn media(content_type: &'static str) -> Result<Media, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Media::of(&headers)
    }

    #[test]
    fn a_type_says_how_a_body_is_searched() {
        for (content_type, expected) in [
            ("application/json", Media::Json),
            ("Application/Problem+JSON; Charset=\"UTF-8\"", Media::Json),
            ("text/event-stream; charset=utf-8", Media::Events),
            ("text/html; charset=ISO-8859-1", Media::Text),
            ("application/atom+xml", Media::Text),
            ("", Media::Text),
            ("image/png", Media::Binary),
        ] {
            assert_eq!(media(content_type), Ok(expected), "{content_type}");
        }
        assert_eq!(Media::of(&HeaderMap::new()), Ok(Media::Text));
    }

    #[test]
    fn charsets_that_write_letters_otherwise_are_unknown() {
        for charset in
            ["utf-16", "utf-16le", "utf-32", "utf-7", "cp037", "ibm500", "shift_jis", "x", ""]
        {
            let content_type: &'static str =
                Box::leak(format!("text/plain; charset={charset}").into_boxed_str());
            assert_eq!(media(content_type), Err("upstream_charset_unknown"), "{charset}");
        }
    }

    #[test]
    fn a_coding_other_than_chunks_hides_what_is_in_it() {
        for (name, value, expected) in [
            ("content-encoding", "identity", Ok(Media::Text)),
            ("content-encoding", "br", Err("upstream_encoded_its_answer")),
            ("transfer-encoding", "chunked", Ok(Media::Text)),
            ("transfer-encoding", "br, chunked", Err("upstream_encoded_its_answer")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(Media::of(&headers), expected, "{name}: {value}");
            headers.append(name, HeaderValue::from_static("gzip"));
            assert_eq!(Media::of(&headers), Err("upstream_encoded_its_answer"));
        }
    }

    #[test]
    fn compressed_beginnings_are_told_from_text() {
        for mark in PACKED {
            assert!(!Media::Binary.can_begin_with(&[mark, b"rest"].concat()));
            assert!(mark.len() <= LONGEST_MARK);
        }
        // Brotli of `{"key":"sk_live_9fQ2xVb7LmT4wRk8ZsYc3HdE"}`, quality 5.
        let brotli = b"\x8b\x14\x80{\"key\":\"sk_live_9fQ2xVb7LmT4wRk8ZsYc3HdE\"}\x03";
        assert!(!Media::Json.can_begin_with(brotli));
        assert!(Media::Json.can_begin_with(b"{\"a\":\"\xc3\xa9\"}\r\n\t"));
        assert!(Media::Text.can_begin_with(b""));
        assert!(Media::Binary.can_begin_with(b"\x89PNG\r\n\x1a\n"));
    }
}
