//! Checks body rules: paths of fields, and limits that can be kept.

use std::collections::BTreeMap;

use super::finding::{Findings, Key};
use super::raw::RawField;
use crate::body::{BodyRule, Field, LARGEST_WHOLE, Limit};
use crate::field_path::{FieldPath, Shape};
use crate::method_override::is_override_field;

/// The body rule, or none when anything in it is refused.
pub(super) fn check_body(
    fields: &BTreeMap<String, RawField>,
    at: &Key,
    findings: &mut Findings<'_>,
) -> Option<BodyRule> {
    let mut checked = Some(Shape::empty());
    for (name, raw) in fields {
        let field = read_path(name).and_then(|path| {
            let field = Field { limit: read_limit(raw)?, is_optional: raw.optional };
            Ok((path, field))
        });
        let inserted = field.and_then(|(path, field)| match checked.take() {
            None => Ok(None),
            Some(shape) => shape.insert(&path, field).map(Some).map_err(|_| {
                "is named by another field too, or holds one: a field is a value, an object or a \
                 list"
            }),
        });
        match inserted {
            Ok(shape) => checked = shape,
            Err(message) => {
                findings.error(&at.field(name), message);
                checked = None;
            }
        }
    }
    checked.map(BodyRule::new)
}

fn read_path(name: &str) -> Result<FieldPath, &'static str> {
    if is_override_field(name.split(['.', '[']).next().unwrap_or(name)) {
        return Err("must not be allowed: many servers take its value for the method");
    }
    FieldPath::read(name)
}

fn read_limit(raw: &RawField) -> Result<Limit, &'static str> {
    match (raw.min, raw.max, &raw.one_of) {
        (None, None, None) => Ok(Limit::Any),
        (None, None, Some(texts)) if texts.is_empty() => {
            Err("must name a text in `in`; with none, nothing could ever be sent")
        }
        (None, None, Some(texts)) => Ok(Limit::OneOf(texts.clone())),
        (_, _, Some(_)) => Err("must have either `in` or `min` and `max`"),
        (_, None, None) => Err("must have a `max` too; `min` alone limits nothing from above"),
        (_, Some(max), None) if max > LARGEST_WHOLE => {
            Err("must have a `max` below 2^53: beyond it parsers round numbers differently")
        }
        (min, Some(max), None) if min.unwrap_or(0) > max => {
            Err("must have a `min` that is not above its `max`")
        }
        (min, Some(max), None) => Ok(Limit::Whole { min: min.unwrap_or(0), max }),
    }
}
