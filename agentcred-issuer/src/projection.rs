//! Projections: which fields of a JSON answer come back. What is not named does not.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::field_path::Shape;

/// The named fields. One that is named comes back with all that is in it, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Projection(Shape<()>);

/// An answer that is no JSON, or no object or list where the fields stand in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotProjectable;

impl Projection {
    pub(crate) const fn new(fields: Shape<()>) -> Self {
        Self(fields)
    }

    /// What comes back of an answer.
    pub(crate) fn of(&self, json: &[u8]) -> Result<String, NotProjectable> {
        let json: &RawValue = serde_json::from_slice(json).map_err(|_| NotProjectable)?;
        kept(&self.0, json).ok_or(NotProjectable)
    }
}

/// None for what is something else than the fields say, of which nothing was named.
fn kept(shape: &Shape<()>, json: &RawValue) -> Option<String> {
    let text = json.get();
    match shape {
        Shape::Leaf(()) => Some(text.to_owned()),
        _ if text == "null" => Some(text.to_owned()),
        Shape::Object(fields) => {
            let found: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            let kept = found.iter().filter_map(|(name, json)| {
                let json = kept(fields.get(name)?, json)?;
                Some(format!("{}:{json}", serde_json::to_string(name).ok()?))
            });
            Some(format!("{{{}}}", kept.collect::<Vec<_>>().join(",")))
        }
        Shape::List(each) => {
            let found: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let kept = found.iter().filter_map(|json| kept(each, json));
            Some(format!("[{}]", kept.collect::<Vec<_>>().join(",")))
        }
    }
}

/// What comes back of an error: a short code of the upstream's, and nothing in its words.
pub(crate) fn error_code(json: &[u8]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(json).ok()?;
    PLACES_OF_CODES.iter().find_map(|place| {
        let code = json.pointer(place)?.as_str()?;
        let is_code = (1..=64).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        is_code.then(|| code.to_owned())
    })
}

const PLACES_OF_CODES: [&str; 6] =
    ["/error/code", "/error/status", "/error/type", "/error", "/code", "/type"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_path::FieldPath;

    fn projection(paths: &[&str]) -> Projection {
        let shape = paths.iter().fold(None, |shape, path| {
            Some(Shape::with(shape, &FieldPath::read(path).unwrap(), ()).unwrap())
        });
        Projection::new(shape.unwrap())
    }

    #[test]
    fn what_is_not_named_does_not_come_back() {
        let json = br#"{"id":"c1","email":"a@b","ssn":"1","data":[{"id":1.10,"x":2},{"x":3}],
            "address":{"city":"B","zip":"2"},"big":12345678901234567890123}"#;
        let kept = projection(&["id", "data[].id", "address.city", "big"]).of(json).unwrap();
        let expected = r#"{"address":{"city":"B"},"big":12345678901234567890123,"data":[{"id":1.10},{}],"id":"c1"}"#;
        assert_eq!(kept, expected);
        let kept = projection(&["[].id"]).of(br#"[{"id":1,"x":2},{"id":{"all":3}}]"#).unwrap();
        assert_eq!(kept, r#"[{"id":1},{"id":{"all":3}}]"#);
    }

    #[test]
    fn what_is_something_else_than_named_does_not_come_back() {
        let fields = projection(&["customer.id", "items[].id"]);
        let kept = |json: &str| fields.of(json.as_bytes());
        assert_eq!(kept(r#"{"customer":"cus_1","items":{"id":1}}"#).unwrap(), "{}");
        assert_eq!(
            kept(r#"{"customer":null,"items":[[{"id":1}]]}"#).unwrap(),
            r#"{"customer":null,"items":[]}"#
        );
        // Escapes and repeats are read as any parser reads them.
        assert_eq!(
            kept(r#"{"\u0063ustomer":{"id":1,"\u0069d":2}}"#).unwrap(),
            r#"{"customer":{"id":2}}"#
        );
        for json in ["", "5", "[]", "\"text\"", "{", r#"{"customer":{"id":1}}x"#, "<html>"] {
            assert_eq!(kept(json), Err(NotProjectable), "{json}");
        }
    }

    #[test]
    fn an_error_keeps_a_short_code_alone() {
        let code = |json: &str| error_code(json.as_bytes());
        let stripe = r#"{"error":{"code":"resource_missing","message":"no such customer: cus_1"}}"#;
        assert_eq!(code(stripe).as_deref(), Some("resource_missing"));
        assert_eq!(code(r#"{"error":"not_found"}"#).as_deref(), Some("not_found"));
        assert_eq!(
            code(r#"{"error":{"code":"no such customer"},"code":"E1"}"#).as_deref(),
            Some("E1")
        );
        for json in ["", "<html>", r#"{"message":"not_found"}"#, r#"{"code":5}"#, r#"{"code":""}"#]
        {
            assert_eq!(code(json), None, "{json}");
        }
    }
}
