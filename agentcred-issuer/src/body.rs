//! Body rules: which fields a request's body may hold, and between which limits.
//!
//! The body that is checked is the body that is sent, so what two parsers could read in two ways
//! is refused here: a field that stands twice, a number that is not written in plain digits, a
//! character escaped that need not be.

mod form;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderValue;
use url::form_urlencoded::byte_serialize;

use crate::field_path::Shape;
use value::Value;

/// The fields that a body may have. A body with any other field is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BodyRule(Shape<Field>);

/// One field of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) limit: Limit,
    /// Whether it may be absent. An amount that is left out is all of it for some APIs.
    pub(crate) is_optional: bool,
}

/// What a field may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Any one value, but no list and no object.
    Any,
    /// A whole number in plain digits, from the first to the last.
    Whole { min: u64, max: u64 },
    /// One of these texts.
    OneOf(BTreeSet<String>),
}

/// Why a body is refused, for the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyRefused {
    /// Neither `application/json` nor `application/x-www-form-urlencoded`, in UTF-8.
    ContentType,
    /// Not one JSON object, or not plain pairs of a form.
    Malformed,
    /// A field that the rule does not name.
    Unknown,
    /// A field that stands twice.
    Repeated,
    /// A field that has to be there and is not.
    Missing,
    /// A value beyond its limit, or in a form that hides what it is.
    OutsideLimit,
}

impl BodyRefused {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::ContentType => "body_of_another_type",
            Self::Malformed => "malformed_body",
            Self::Unknown => "body_field_not_allowed",
            Self::Repeated => "repeated_body_field",
            Self::Missing => "body_field_missing",
            Self::OutsideLimit => "body_field_outside_limit",
        }
    }
}

/// The largest whole number that every JSON parser reads exactly (RFC 8259 section 6).
pub(crate) const LARGEST_WHOLE: u64 = (1 << 53) - 1;

impl BodyRule {
    /// The rule of an object of these fields.
    pub(crate) const fn new(fields: Shape<Field>) -> Self {
        Self(fields)
    }

    /// Checks a body by what its `Content-Type` says that it is.
    pub(crate) fn check(
        &self,
        content_type: Option<&HeaderValue>,
        body: &[u8],
    ) -> Result<(), BodyRefused> {
        let found = match content_type.map(HeaderValue::as_bytes) {
            None if body.is_empty() => Value::Object(Vec::new()),
            Some(text) if is_media_type(text, b"application/json") => {
                serde_json::from_slice(body).map_err(|_| BodyRefused::Malformed)?
            }
            Some(text) if is_media_type(text, b"application/x-www-form-urlencoded") => {
                form::read(&self.0, body)?
            }
            _ => return Err(BodyRefused::ContentType),
        };
        match found {
            Value::Object(_) => check(&self.0, &found),
            _ => Err(BodyRefused::Malformed),
        }
    }
}

/// Checks the names first: a field that stands twice has no one value.
fn check(shape: &Shape<Field>, value: &Value) -> Result<(), BodyRefused> {
    match (shape, value) {
        (Shape::Leaf(field), value) if field.limit.holds(value) => Ok(()),
        (Shape::Object(fields), Value::Object(found)) => {
            let found = by_name(fields, found)?;
            for (name, shape) in fields {
                match found.get(name.as_str()) {
                    None if is_optional(shape) => {}
                    None => return Err(BodyRefused::Missing),
                    Some(value) => check(shape, value)?,
                }
            }
            Ok(())
        }
        (Shape::List(each), Value::List { items, .. }) => {
            if items.is_empty() && !is_optional(each) {
                return Err(BodyRefused::Missing);
            }
            items.iter().try_for_each(|item| check(each, item))
        }
        _ => Err(BodyRefused::OutsideLimit),
    }
}

fn by_name<'v>(
    fields: &BTreeMap<String, Shape<Field>>,
    found: &'v [(String, Value)],
) -> Result<BTreeMap<&'v str, &'v Value>, BodyRefused> {
    let mut by_name = BTreeMap::new();
    for (name, value) in found {
        if !fields.contains_key(name) {
            return Err(BodyRefused::Unknown);
        }
        if by_name.insert(name.as_str(), value).is_some() {
            return Err(BodyRefused::Repeated);
        }
    }
    Ok(by_name)
}

/// Whether nothing that was named has to be there.
fn is_optional(shape: &Shape<Field>) -> bool {
    match shape {
        Shape::Leaf(field) => field.is_optional,
        Shape::Object(fields) => fields.values().all(is_optional),
        Shape::List(each) => is_optional(each),
    }
}

impl Limit {
    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::List { .. } | Value::Object(_)) => false,
            (Self::Any, _) => true,
            (Self::Whole { min, max }, Value::Whole(number)) => (min..=max).contains(&number),
            (Self::Whole { min, max }, Value::Form(text)) => {
                plain_number(text).is_some_and(|number| (*min..=*max).contains(&number))
            }
            (Self::OneOf(texts), Value::Text(text)) => texts.contains(text),
            (Self::OneOf(texts), Value::Form(value)) => {
                texts.iter().any(|text| as_form(text) == *value)
            }
            _ => false,
        }
    }
}

/// The one form that form encoding gives a text.
fn as_form(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn plain_number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
        && text.len() <= 16;
    text.parse().ok().filter(|_| is_plain)
}

/// The type alone or with UTF-8 named: another charset would make other text of the same bytes.
fn is_media_type(text: &[u8], media_type: &[u8]) -> bool {
    let mut parts = text.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    parts.next().is_some_and(|found| found.eq_ignore_ascii_case(media_type))
        && parts.next().is_none_or(|it| it.eq_ignore_ascii_case(b"charset=utf-8"))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests;
