//! Body rules: which fields a request's body may hold, and between which limits.
//!
//! The body that is checked is the body that is sent, so what two parsers could read in two ways
//! is refused here: a field that stands twice, a number that is not written in plain digits, a
//! character escaped that need not be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use http::HeaderValue;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::form_urlencoded::byte_serialize;

use crate::target::is_query_value;

/// The fields that a body may have. A body with any other field is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BodyRule(BTreeMap<String, Field>);

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
    /// Not one flat JSON object, or not plain pairs of a form.
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
    pub(crate) fn new(fields: BTreeMap<String, Field>) -> Self {
        Self(fields)
    }

    /// Checks a body by what its `Content-Type` says that it is.
    pub(crate) fn check(
        &self,
        content_type: Option<&HeaderValue>,
        body: &[u8],
    ) -> Result<(), BodyRefused> {
        let found = match content_type.map(HeaderValue::as_bytes) {
            None if body.is_empty() => BTreeMap::new(),
            Some(text) if is_media_type(text, b"application/json") => self.read_json(body)?,
            Some(text) if is_media_type(text, b"application/x-www-form-urlencoded") => {
                self.read_form(body)?
            }
            _ => return Err(BodyRefused::ContentType),
        };
        for (name, field) in &self.0 {
            match found.get(name.as_str()) {
                None if field.is_optional => {}
                None => return Err(BodyRefused::Missing),
                Some(value) if field.limit.holds(value) => {}
                Some(_) => return Err(BodyRefused::OutsideLimit),
            }
        }
        Ok(())
    }

    fn read_form(&self, body: &[u8]) -> Result<BTreeMap<&str, Value>, BodyRefused> {
        let text = std::str::from_utf8(body).map_err(|_| BodyRefused::Malformed)?;
        let mut found = BTreeMap::new();
        for pair in text.split('&').filter(|_| !text.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or(BodyRefused::Malformed)?;
            if !is_query_value(value) {
                return Err(BodyRefused::Malformed);
            }
            let name = self.0.keys().find(|name| as_form(name) == key);
            let name = name.ok_or(BodyRefused::Unknown)?;
            if found.insert(name.as_str(), Value::Form(value.to_owned())).is_some() {
                return Err(BodyRefused::Repeated);
            }
        }
        Ok(found)
    }

    fn read_json(&self, body: &[u8]) -> Result<BTreeMap<&str, Value>, BodyRefused> {
        let Object(fields) = serde_json::from_slice(body).map_err(|_| BodyRefused::Malformed)?;
        let mut found = BTreeMap::new();
        for (name, value) in fields {
            let (name, _) = self.0.get_key_value(&name).ok_or(BodyRefused::Unknown)?;
            if found.insert(name.as_str(), value).is_some() {
                return Err(BodyRefused::Repeated);
            }
        }
        Ok(found)
    }
}

impl Limit {
    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Nested) => false,
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

/// A value in the body, as far as a limit can be about it.
#[derive(Debug)]
enum Value {
    /// Of a form, as it is sent.
    Form(String),
    Text(String),
    /// Written in digits alone.
    Whole(u64),
    /// Another number, a truth value or null.
    Other,
    /// A list or an object.
    Nested,
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

/// The fields of a JSON object in the order in which they stand, repeated ones too.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(Value::Whole(number))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Nested)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Nested)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests;
