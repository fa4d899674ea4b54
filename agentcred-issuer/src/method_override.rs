//! Method overrides: the ways to ask for another method than the one that the rules checked.
//!
//! Many servers take a header, a query key or a field of the body for the method (Rails and
//! Laravel `_method`, `OData` `X-HTTP-Method`). A request that holds one is refused and not cleaned:
//! whoever sent it meant to slip past something.

mod part_lines;

use std::borrow::Cow;

use http::HeaderValue;
use http::header::HeaderName;
use url::form_urlencoded;

use crate::json_text::JsonTexts;

pub(crate) use part_lines::PartLines;

/// Whether servers take the header's value for the method. Many read `_` as `-`.
pub(crate) fn is_override_header(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    name.contains("method-override") || name == "x-http-method"
}

/// Whether servers take the value of a query key or a field for the method.
pub(crate) fn is_override_field(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase().replace('_', "-");
    name == "-method" || name.contains("method-override") || name == "x-http-method"
}

/// Whether a body holds such a field.
pub(crate) fn holds_override(content_type: Option<&HeaderValue>, body: &[u8]) -> bool {
    // Plain letters are the same in UTF-16 but for the zeros between them.
    let body: Cow<'_, [u8]> = if body.contains(&0) {
        body.iter().copied().filter(|byte| *byte != 0).collect::<Vec<_>>().into()
    } else {
        body.into()
    };
    let body = &*body;
    match Form::of(content_type) {
        Form::Pairs => in_pairs(body),
        Form::Json => in_json(body),
        Form::Parts => PartLines::default().name_the_method(body),
        Form::Unknown => {
            in_pairs(body) || in_json(body) || PartLines::default().name_the_method(body)
        }
        Form::Neither => false,
    }
}

/// Where the fields of a body stand, and so how it can be looked at.
#[derive(Debug)]
pub(crate) enum Fields {
    /// Anywhere: it has to be there as a whole.
    Anywhere,
    /// In lines of their own, which are looked at while they pass.
    Lines(PartLines),
    /// There are none.
    Nowhere,
}

impl Fields {
    pub(crate) fn of(content_type: Option<&HeaderValue>) -> Self {
        match Form::of(content_type) {
            Form::Pairs | Form::Json | Form::Unknown => Self::Anywhere,
            Form::Parts => Self::Lines(PartLines::default()),
            Form::Neither => Self::Nowhere,
        }
    }
}

/// What servers take a body for.
enum Form {
    Pairs,
    Json,
    Parts,
    /// Nobody said, so a server may guess.
    Unknown,
    /// Nothing that has fields.
    Neither,
}

impl Form {
    fn of(content_type: Option<&HeaderValue>) -> Self {
        let Some(text) = content_type else { return Self::Unknown };
        let Ok(text) = text.to_str() else { return Self::Unknown };
        let media_type = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is = |word: &str| media_type.contains(word);
        let (pairs, json) = (is("form-urlencoded"), is("json"));
        match is("multipart") || is("form-data") {
            _ if !media_type.contains('/') => Self::Unknown,
            parts if u8::from(pairs) + u8::from(json) + u8::from(parts) > 1 => Self::Unknown,
            true => Self::Parts,
            false if pairs => Self::Pairs,
            false if json => Self::Json,
            false => Self::Neither,
        }
    }
}

fn in_pairs(body: &[u8]) -> bool {
    body.split(|byte| matches!(byte, b'&' | b';'))
        .filter_map(|pair| form_urlencoded::parse(pair).next())
        .any(|(name, _)| is_override_field(&name))
}

fn in_json(body: &[u8]) -> bool {
    JsonTexts::of(body).any(|text| text.is_name && is_override_field(&text.plain()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_the_method_is_found_in_every_kind_of_body() {
        for (content_type, body) in [
            ("application/x-www-form-urlencoded", "a=1&_method=DELETE"),
            ("application/x-www-form-urlencoded", "a=1&%5fMethod=DELETE"),
            ("application/x-www-form-urlencoded; charset=utf-8", "_method=DELETE"),
            ("application/x-www-form-urlencoded", "a=1;_method=DELETE"),
            ("application/json", r#"{"a":1,"_method":"DELETE"}"#),
            ("application/vnd.api+json", r#"{"\u005fmethod" : "DELETE"}"#),
            ("application/json", r#"{"X-HTTP-Method-Override":"DELETE"}"#),
            (
                "multipart/form-data; boundary=b",
                "--b\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--b--",
            ),
            (
                "multipart/form-data; boundary=b",
                "--b\nContent-Disposition: form-data; name*=utf-8''%5Fmethod\n\nDELETE",
            ),
            ("form", "_method=DELETE"),
            (
                "application/json; charset=utf-16le",
                "{\0\"\0_\0m\0e\0t\0h\0o\0d\0\"\0:\0\"\0\"\0}\0",
            ),
        ] {
            let content_type = HeaderValue::from_str(content_type).unwrap();
            assert!(holds_override(Some(&content_type), body.as_bytes()), "{body}");
            assert!(holds_override(None, body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn a_value_or_another_field_is_none() {
        for (content_type, body) in [
            ("application/x-www-form-urlencoded", "a=_method&payment_method=card&method=x"),
            ("application/json", r#"{"a":"_method","payment_method":"card"}"#),
            ("text/plain", "_method=DELETE"),
            ("application/octet-stream", "_method=DELETE"),
        ] {
            let content_type = HeaderValue::from_str(content_type).unwrap();
            assert!(!holds_override(Some(&content_type), body.as_bytes()), "{body}");
        }
    }
}
