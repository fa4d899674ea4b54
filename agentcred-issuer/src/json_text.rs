//! The texts in JSON: where they stand, and what they say once their escapes are undone.
//!
//! Texts are found without reading the rest, so nothing else of the JSON is judged or changed.

use std::borrow::Cow;
use std::ops::Range;

/// Each text of some JSON, names of fields too, in the order in which they stand.
pub(crate) struct JsonTexts<'j> {
    json: &'j [u8],
    position: usize,
}

/// One of them.
pub(crate) struct JsonText<'j> {
    /// Where it stands, its quotes with it.
    pub(crate) place: Range<usize>,
    /// Whether it is the name of a field.
    pub(crate) is_name: bool,
    quoted: &'j [u8],
}

impl<'j> JsonTexts<'j> {
    pub(crate) const fn of(json: &'j [u8]) -> Self {
        Self { json, position: 0 }
    }
}

impl<'j> Iterator for JsonTexts<'j> {
    type Item = JsonText<'j>;

    fn next(&mut self) -> Option<JsonText<'j>> {
        let from = self.position;
        let start = from + self.json.get(from..)?.iter().position(|byte| *byte == b'"')?;
        let mut end = start + 1;
        // A text without an end goes on to the end of everything.
        while end < self.json.len() && self.json[end] != b'"' {
            end += if self.json[end] == b'\\' { 2 } else { 1 };
        }
        let end = (end + 1).min(self.json.len());
        self.position = end;
        let after = self.json[end..].iter().find(|byte| !byte.is_ascii_whitespace());
        Some(JsonText {
            place: start..end,
            is_name: after == Some(&b':'),
            quoted: &self.json[start..end],
        })
    }
}

impl<'j> JsonText<'j> {
    /// What it says. Where the escapes are broken, it says what is written.
    pub(crate) fn plain(&self) -> Cow<'j, str> {
        serde_json::from_slice::<String>(self.quoted).map_or_else(
            |_| {
                let inner = self.quoted.strip_prefix(b"\"").unwrap_or(self.quoted);
                String::from_utf8_lossy(inner.strip_suffix(b"\"").unwrap_or(inner))
            },
            Cow::Owned,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(json: &str) -> Vec<(String, bool)> {
        JsonTexts::of(json.as_bytes()).map(|it| (it.plain().into_owned(), it.is_name)).collect()
    }

    #[test]
    fn names_and_values_are_told_apart_and_unescaped() {
        let json = r#"{"a" : ["b\"c", 5, "\u0064\\"], "\u0065":{"f":"g"}}"#;
        let expected =
            [("a", true), ("b\"c", false), ("d\\", false), ("e", true), ("f", true), ("g", false)];
        assert_eq!(texts(json), expected.map(|(text, is_name)| (text.to_owned(), is_name)));
    }

    #[test]
    fn broken_json_still_has_texts() {
        assert_eq!(
            texts(r#"{"a":"\ud800","b"#),
            [("a".to_owned(), true), ("\\ud800".to_owned(), false), ("b".to_owned(), false)]
        );
        assert_eq!(texts("\"\\"), [("\\".to_owned(), false)]);
        assert!(texts("[1, true]").is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_texts_do_not_overlap(json in "[\"\\\\:{}a\u{e9} ]{0,40}") {
            let mut end = 0;
            for text in JsonTexts::of(json.as_bytes()) {
                prop_assert!(text.place.start >= end);
                end = text.place.end;
                text.plain();
            }
        }
    }
}
