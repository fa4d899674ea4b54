//! Checks body rules: names of fields, and limits that can be kept.

use std::collections::BTreeMap;

use super::finding::{Findings, Key};
use super::raw::RawField;
use crate::body::{BodyRule, Field, LARGEST_WHOLE, Limit};

/// The body rule, or none when anything in it is refused.
pub(super) fn check_body(
    fields: &BTreeMap<String, RawField>,
    at: &Key,
    findings: &mut Findings<'_>,
) -> Option<BodyRule> {
    let mut checked = Some(BTreeMap::new());
    for (name, raw) in fields {
        let limit = check_name(name).and_then(|()| read_limit(raw));
        match limit {
            Ok(limit) => {
                let field = Field { limit, is_optional: raw.optional };
                checked.as_mut().map(|checked| checked.insert(name.clone(), field));
            }
            Err(message) => {
                findings.error(&at.field(name), message);
                checked = None;
            }
        }
    }
    checked.map(BodyRule::new)
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > 128 || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("must be a name of 1 to 128 printable characters without spaces");
    }
    if name.eq_ignore_ascii_case("_method") {
        return Err("must not be allowed: many servers take its value for the method");
    }
    Ok(())
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
