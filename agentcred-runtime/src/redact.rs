//! Taking a call's nonces out of everything that goes back to the model.

use agentcred_protocol::scrub::Scrubber;
use serde_json::{Map, Value};

/// The value without the secrets: in texts, in keys, at every depth.
pub(crate) fn value(scrubbers: &[Scrubber], value: Value) -> Value {
    match value {
        Value::String(content) => Value::String(text(scrubbers, content)),
        Value::Array(items) => items.into_iter().map(|item| self::value(scrubbers, item)).collect(),
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(key, member)| (text(scrubbers, key), self::value(scrubbers, member)))
                .collect::<Map<_, _>>(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// The text without the secrets.
pub(crate) fn text(scrubbers: &[Scrubber], content: String) -> String {
    let mut content = content;
    for scrubber in scrubbers {
        if scrubber.finds(content.as_bytes()) {
            tracing::warn!("a tool's result held its nonce; it was taken out");
            content = scrubber.text(&content).into_owned();
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &str = "acn_0123456789abcdefghij";

    #[test]
    fn keys_texts_and_depths_are_cleaned() {
        let scrubbers = [Scrubber::new([SECRET.as_bytes()])];
        let leaking =
            json!({"a": [{"b": format!("x{SECRET}y")}], SECRET: 1, "n": 1.5, "t": true, "z": null});
        let clean = value(&scrubbers, leaking.clone());
        assert_eq!(
            clean,
            json!({"a": [{"b": "x[redacted]y"}], "[redacted]": 1, "n": 1.5, "t": true, "z": null})
        );
        // The control: the same search finds it before.
        assert!(scrubbers[0].finds(leaking.to_string().as_bytes()));
        assert!(!scrubbers[0].finds(clean.to_string().as_bytes()));
    }
}
