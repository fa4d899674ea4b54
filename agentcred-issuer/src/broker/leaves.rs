//! A JSON answer as a whole: a secret that is spelled with escapes or spread over many texts.

use agentcred_protocol::scrub::{REDACTED, Scrubber};

use crate::json_text::JsonTexts;

/// A secret whose pieces stand in several texts, so that it cannot be taken out of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spread;

/// The JSON with each text searched once its escapes are undone. All else stays byte for byte.
///
/// # Errors
/// When the texts give a secret away together, in the order in which they stand: all of them, the
/// names of fields alone, or the values alone.
pub(super) fn searched(json: &[u8], scrubbers: &[Scrubber; 2]) -> Result<Vec<u8>, Spread> {
    let mut clean = Vec::with_capacity(json.len());
    let (mut all, mut names, mut values) = (String::new(), String::new(), String::new());
    let mut passed = 0;
    for text in JsonTexts::of(json) {
        let plain = text.plain();
        let [one, other] = scrubbers;
        let one = one.text(&plain);
        let searched = other.text(&one);
        if searched != plain {
            clean.extend_from_slice(&json[passed..text.place.start]);
            // A text always has a JSON form; were there none, nothing of it would be left.
            let quoted = serde_json::to_string(&*searched);
            clean.extend(quoted.unwrap_or_else(|_| format!("\"{REDACTED}\"")).into_bytes());
            passed = text.place.end;
        }
        all.push_str(&searched);
        if text.is_name { &mut names } else { &mut values }.push_str(&searched);
    }
    clean.extend_from_slice(&json[passed..]);
    let gives_away = |text: &str| scrubbers.iter().any(|it| it.shows(text.as_bytes()));
    if [&all, &names, &values].into_iter().any(|text| gives_away(text)) {
        return Err(Spread);
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "sk_live_9fQ2xVb7LmT4wRk8ZsYc3HdE";

    fn search(json: &str) -> Result<String, Spread> {
        let scrubbers = [Scrubber::new([SECRET.as_bytes()]), Scrubber::new([])];
        searched(json.as_bytes(), &scrubbers).map(|clean| String::from_utf8(clean).unwrap())
    }

    #[test]
    fn a_secret_spelled_with_escapes_is_taken_out_and_nothing_else_changes() {
        let escaped: String = SECRET
            .char_indices()
            .map(|(at, c)| if at % 5 == 0 { format!("\\u{:04x}", c as u32) } else { c.to_string() })
            .collect();
        let json = format!(
            r#"{{ "a": 1.10, "{escaped}" : "before {escaped} after", "\u0062":"\u00e9" }}"#
        );
        let expected =
            r#"{ "a": 1.10, "[redacted]" : "before [redacted] after", "\u0062":"\u00e9" }"#;
        assert_eq!(search(&json).unwrap(), expected);
        // A search that does not undo escapes finds nothing there.
        assert!(!Scrubber::new([SECRET.as_bytes()]).finds(json.as_bytes()));
    }

    #[test]
    fn a_secret_spread_over_texts_is_noticed_whatever_stands_between() {
        let pieces: Vec<_> =
            SECRET.as_bytes().chunks(5).map(|it| std::str::from_utf8(it).unwrap()).collect();
        let quoted: Vec<_> = pieces.iter().map(|piece| format!("\"{piece}\"")).collect();
        let list = format!("[{}]", quoted.join(", 5, "));
        let values: Vec<_> = quoted.iter().map(|piece| format!("\"name\":{piece}")).collect();
        let names: Vec<_> = quoted.iter().map(|piece| format!("{piece}:\"value\"")).collect();
        for json in [list, format!("{{{}}}", values.join(",")), format!("{{{}}}", names.join(","))]
        {
            assert_eq!(search(&json), Err(Spread), "{json}");
            assert!(!Scrubber::new([SECRET.as_bytes()]).finds(json.as_bytes()), "{json}");
        }
    }

    #[test]
    fn json_without_a_secret_passes_unchanged() {
        let json = r#" {"id":"cus_0042","list":["a","b\"c",null,1e9],"text":"\/\ud83d\ude00"} "#;
        assert_eq!(search(json).unwrap(), json);
        for broken in ["", "{", "\"", "[\"a\\", "no json"] {
            assert_eq!(search(broken).unwrap(), broken);
        }
    }
}
