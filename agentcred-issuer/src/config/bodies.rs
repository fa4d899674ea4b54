//! Checks what rules say of bodies: paths of fields, and limits that can be kept.

use std::collections::BTreeMap;

use super::finding::{Findings, Key};
use super::raw::RawField;
use crate::body::{BodyRule, Field, LARGEST_WHOLE, Limit};
use crate::field_path::{FieldPath, Shape};
use crate::method_override::is_override_field;
use crate::projection::Projection;

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

/// What comes back of an answer, or none when anything in it is refused.
pub(super) fn check_fields(
    paths: &[String],
    at: &Key,
    findings: &mut Findings<'_>,
) -> Option<Projection> {
    let mut checked = None;
    let mut is_sound = true;
    for (position, text) in paths.iter().enumerate() {
        let clash = "is named by another path too, or holds one: a field that is named comes back \
                     with all that is in it";
        let added = FieldPath::read(text)
            .and_then(|path| Shape::with(checked.take(), &path, ()).map_err(|_| clash));
        match added {
            Ok(shape) => checked = Some(shape),
            Err(message) => {
                findings.error(&at.item(position), message);
                is_sound = false;
            }
        }
    }
    if paths.is_empty() {
        findings.error(at, "must name a field; with none, nothing would ever come back");
    }
    checked.filter(|_| is_sound).map(Projection::new)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    /// The findings of a configuration whose one rule also says this.
    fn findings(rule: &str) -> Vec<String> {
        let text = format!(
            "[audit]\nfile = \"a\"\n[services.s]\norigin = \"http://127.0.0.1:1\"\n\
             secret = \"env:KEY\"\nallow_networks = [\"127.0.0.0/8\"]\n\
             inject = {{ header = \"authorization\", format = \"{{secret}}\" }}\n\
             [[services.s.scopes.a]]\nmethod = \"POST\"\npath = \"/a\"\n{rule}\n"
        );
        match Config::parse(&text, Path::new("")) {
            Ok(_) => Vec::new(),
            Err(refused) => {
                let errors = refused.findings().iter().filter(|it| !it.is_warning());
                errors.map(|it| it.key.clone()).collect()
            }
        }
    }

    #[test]
    fn nested_fields_have_one_spelling() {
        assert!(
            findings(r#"body = { "card.number" = {}, "items[].price" = { max = 5 } }"#).is_empty()
        );
        for (field, other) in [
            ("card[number]", "a"),
            ("items[0].price", "a"),
            ("items[][]", "a"),
            ("card.", "a"),
            ("_method", "a"),
            ("_METHOD[]", "a"),
            ("x-http-method-override", "a"),
            ("card.number", "card"),
            ("items[]", "items"),
            ("[].a", "b"),
        ] {
            let body = format!("body = {{ \"{field}\" = {{}}, \"{other}\" = {{}} }}");
            assert_eq!(findings(&body).len(), 1, "{body}");
        }
    }

    #[test]
    fn fields_that_come_back_are_named_once() {
        assert!(findings(r#"fields = ["id", "data[].id", "address.city"]"#).is_empty());
        assert!(findings(r#"fields = ["[].id", "[].name"]"#).is_empty());
        for fields in [
            r#""id", "id""#,
            r#""address", "address.city""#,
            r#""data[]", "data[].id""#,
            r#""[].id", "id""#,
            r#""data[0].id""#,
            r#""""#,
            "",
        ] {
            let found = findings(&format!("fields = [{fields}]"));
            assert_eq!(found.len(), 1, "{fields}: {found:?}");
        }
    }

    #[test]
    fn a_rule_without_fields_beside_one_with_them_is_refused() {
        let beside = |more: &str| {
            findings(&format!(
                "fields = [\"id\"]\n[[services.s.scopes.a]]\nmethod = \"POST\"\npath = \"/a\"\n\
                 query = [\"b\"]\n{more}"
            ))
        };
        assert_eq!(beside("").len(), 1);
        assert!(beside("fields = [\"name\"]").is_empty());
    }
}
