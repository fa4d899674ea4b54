//! Taking a call's nonces out of everything that goes back to the model.

use agentcred_protocol::scrub::{REDACTED, Scrubber};
use serde_json::{Map, Value};

/// The value without the secrets: in texts and keys, at every depth. A value over whose texts,
/// keys or numbers a secret is spread is withheld whole: no honest answer is like that, and what
/// is left between the parts would be parts as well.
pub(crate) fn value(scrubbers: &[Scrubber], value: Value) -> Value {
    if scrubbers.is_empty() {
        return value;
    }
    let clean = each_text(scrubbers, value);
    let mut leaves = Leaves::default();
    leaves.list(&clean);
    if leaves.readings().iter().any(|reading| shows(scrubbers, reading)) {
        report();
        return Value::String(REDACTED.to_owned());
    }
    clean
}

/// The text without the secrets.
pub(crate) fn text(scrubbers: &[Scrubber], mut content: String) -> String {
    for scrubber in scrubbers {
        if scrubber.shows(content.as_bytes()) {
            report();
            content = scrubber.text(&content).into_owned();
        }
    }
    content
}

fn shows(scrubbers: &[Scrubber], text: &str) -> bool {
    scrubbers.iter().any(|scrubber| scrubber.shows(text.as_bytes()))
}

fn report() {
    tracing::warn!("what a tool gave back held its nonce; it was taken out");
}

fn each_text(scrubbers: &[Scrubber], value: Value) -> Value {
    match value {
        Value::String(content) => Value::String(text(scrubbers, content)),
        Value::Array(items) => items.into_iter().map(|item| each_text(scrubbers, item)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, member)| (text(scrubbers, key), each_text(scrubbers, member)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// What a secret can be spread over, in the order of the document.
#[derive(Default)]
struct Leaves {
    texts: String,
    keys: String,
    both: String,
    numbers: String,
}

impl Leaves {
    fn list(&mut self, value: &Value) {
        match value {
            Value::String(content) => {
                self.texts.push_str(content);
                self.both.push_str(content);
            }
            Value::Number(number) => {
                self.numbers.push_str(&number.to_string());
                self.numbers.push(',');
            }
            Value::Array(items) => items.iter().for_each(|item| self.list(item)),
            Value::Object(members) => {
                for (key, member) in members {
                    self.keys.push_str(key);
                    self.both.push_str(key);
                    self.list(member);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn readings(&self) -> [&str; 4] {
        [&self.texts, &self.keys, &self.both, &self.numbers]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Echo, oracle};
    use serde_json::json;

    const SECRET: &str = "acn_0123456789abcdefghij";

    fn clean(leaking: Value) -> Value {
        value(&[Scrubber::new([SECRET.as_bytes()])], leaking)
    }

    #[test]
    fn keys_texts_and_depths_are_cleaned() {
        let leaking =
            json!({"a": [{"b": format!("x{SECRET}y")}], SECRET: 1, "n": 1.5, "t": true, "z": null});
        assert_eq!(
            clean(leaking),
            json!({"a": [{"b": "x[redacted]y"}], "[redacted]": 1, "n": 1.5, "t": true, "z": null})
        );
    }

    // Leak channel 9.
    #[test]
    fn a_value_over_which_a_secret_is_spread_is_withheld() {
        for spread in [
            json!(["before", "acn_0123", {"k": "456789ab"}, "cdefghij", "after"]),
            json!({"x": 1, "acn_0123": 2, "456789ab": 3, "y": 4}),
            json!({"acn_0123": "456789ab", "y": "z"}),
            json!({"before": SECRET.bytes().map(|byte| json!([byte])).collect::<Vec<_>>()}),
        ] {
            assert_eq!(clean(spread.clone()), "[redacted]", "{spread}");
        }
    }

    /// A token's alphabet and length, with as many separators as there can be by chance.
    fn tokens() -> impl proptest::strategy::Strategy<Value = String> {
        proptest::string::string_regex("acn_[A-Za-z0-9_-]{49}").unwrap()
    }

    proptest::proptest! {
        // Each case is 120 outputs.
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
        // Leak channels 8, 33.
        #[test]
        fn the_oracle_finds_nothing_in_what_was_cleaned(secret in tokens(), size in 1_usize..12) {
            for echo in Echo::ALL {
                let echoed: Vec<char> = echo.encode(&secret).chars().collect();
                let pieces: Vec<String> =
                    echoed.chunks(size).map(|piece| piece.iter().collect()).collect();
                let members: Map<_, _> =
                    pieces.iter().map(|piece| (piece.clone(), json!(size))).collect();
                let whole: String = echoed.iter().collect();
                let numbers: Vec<u32> = echoed.iter().map(|letter| u32::from(*letter)).collect();
                for leaking in [json!(whole), json!(pieces), json!(members), json!(numbers)] {
                    let scrubbers = [Scrubber::new([secret.as_bytes()])];
                    let clean = value(&scrubbers, leaking).to_string();
                    let found = oracle::leaks(clean.as_bytes(), &secret);
                    proptest::prop_assert!(!found, "{:?} {}", echo, clean);
                }
            }
        }
    }

    #[test]
    fn what_holds_no_secret_passes_unchanged() {
        let harmless =
            json!({"data": [{"id": "cus_0042", "n": [97, 99, 110, 95]}], "acn_": "0123"});
        assert_eq!(clean(harmless.clone()), harmless);
    }
}
