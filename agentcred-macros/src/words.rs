//! What may stand in the texts of the attribute. Each check answers with what to write instead.

/// The longest life of a nonce, in seconds.
const HOUR: u64 = 3600;

/// A service: `[a-z][a-z0-9-]{0,63}`.
pub(crate) fn service(text: &str) -> Result<String, String> {
    let is_service = |text: &str| {
        text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    if is_service(text) {
        return Ok(text.to_owned());
    }
    let rule = "a service is 1 to 64 of `a`-`z`, `0`-`9` and `-`, and starts with a letter";
    let near = text.trim().to_ascii_lowercase().replace(['_', ' ', '.'], "-");
    Err(if is_service(&near) { format!("{rule}; write `\"{near}\"`") } else { rule.to_owned() })
}

/// One or more scope tokens of RFC 6749 section 3.3, separated by single spaces.
pub(crate) fn scope(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("a scope is never empty; write what the call may do, as `\"read:customers\"`"
            .to_owned());
    }
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let mut seen = Vec::new();
    for token in text.split(' ') {
        if token.is_empty() {
            return Err("scope tokens are separated by single spaces, with none before and after"
                .to_owned());
        }
        if token.len() > 128 || !token.bytes().all(allowed) {
            return Err(
                "a scope token is 1 to 128 printable ASCII characters without `\"` and `\\`; \
                        tokens are separated by single spaces"
                    .to_owned(),
            );
        }
        if seen.contains(&token) {
            return Err(format!("the scope token `{token}` stands twice; write it once"));
        }
        seen.push(token);
    }
    Ok(text.to_owned())
}

/// A length of time in seconds: `30s`, `5m`, `1h`; more than 0, at most an hour.
pub(crate) fn seconds(key: &str, text: &str) -> Result<u64, String> {
    let form = format!(
        "`{key}` is a whole number of seconds, minutes or hours, as `\"30s\"`, `\"5m\"` or `\"1h\"`"
    );
    let digits = text.trim_end_matches(|last: char| !last.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => HOUR,
        near => {
            return Err(near_time(digits, near)
                .map_or_else(|| form.clone(), |near| format!("{form}; write `\"{near}\"`")));
        }
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(form);
    }
    match digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit)) {
        Some(0) => Err(format!("`{key}` is more than 0; write `\"30s\"` for half a minute")),
        Some(seconds) if seconds <= HOUR => Ok(seconds),
        _ => Err(format!("`{key}` is at most an hour; write `\"1h\"` or less")),
    }
}

fn near_time(digits: &str, unit: &str) -> Option<String> {
    let digits = digits.trim();
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        _ => return None,
    };
    number.then(|| format!("{digits}{unit}"))
}

/// A count of upstream requests: 1 to 1000.
pub(crate) fn uses(digits: &str) -> Result<u32, String> {
    match digits.parse::<u32>() {
        Ok(0) => Err("a nonce for no request is of no use; `uses` is at least 1".to_owned()),
        Ok(count) if count <= 1000 => Ok(count),
        _ => Err("`uses` is at most 1000 upstream requests in one call".to_owned()),
    }
}

/// A tool's name: `[A-Za-z_][A-Za-z0-9_-]{0,63}`, which every provider accepts.
pub(crate) fn tool_name(text: &str) -> Result<String, String> {
    if is_name(text, &['_', '-']) {
        return Ok(text.to_owned());
    }
    Err("a tool's name is 1 to 64 ASCII letters, digits, `_` and `-`, and starts with a letter or `_`; \
         set it with `name = \"..\"`"
        .to_owned())
}

/// An argument's name: `[A-Za-z_][A-Za-z0-9_.-]{0,63}`, which every provider accepts.
pub(crate) fn argument_name(text: &str) -> Result<String, String> {
    if is_name(text, &['_', '-', '.']) {
        return Ok(text.to_owned());
    }
    Err("an argument's name is 1 to 64 ASCII letters, digits, `_`, `-` and `.`, and starts with a letter or `_`; \
         set it with `#[tool(rename = \"..\")]`"
        .to_owned())
}

/// Text for people or for the model, which says something.
pub(crate) fn prose(key: &str, text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err(format!("`{key}` is empty; write what the model should know, or leave it out")),
        text => Ok(text.to_owned()),
    }
}

/// The known word that an unknown one was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|known| (distance(word, known), *known)).min()?;
    (near.0 <= 1.max(word.len() / 3)).then_some(near.1)
}

fn is_name(text: &str, further: &[char]) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || further.contains(&letter))
}

/// How many letters to add, drop or change to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to = to.chars().collect::<Vec<_>>();
    let mut row = (0..=to.len()).collect::<Vec<_>>();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for column in 0..to.len() {
            let changed = diagonal + usize::from(letter != to[column]);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_its_unit() {
        assert_eq!(seconds("ttl", "30s"), Ok(30));
        assert_eq!(seconds("ttl", "5m"), Ok(300));
        assert_eq!(seconds("ttl", "1h"), Ok(3600));
    }

    #[test]
    fn a_time_that_is_none_is_refused_with_the_way_out() {
        for (text, way_out) in [
            ("0s", "more than 0"),
            ("5 minutes", "write `\"5m\"`"),
            ("90", "write `\"90s\"`"),
            ("25h", "at most an hour"),
            ("61m", "at most an hour"),
            ("99999999999999999999h", "at most an hour"),
            ("", "as `\"30s\"`"),
            ("m", "as `\"30s\"`"),
            ("-5m", "as `\"30s\"`"),
            ("+5m", "as `\"30s\"`"),
            ("1.5m", "as `\"30s\"`"),
            ("٥m", "as `\"30s\"`"),
            ("5ü", "as `\"30s\"`"),
        ] {
            let refusal = seconds("ttl", text).unwrap_err();
            assert!(refusal.contains(way_out), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_service_in_the_wrong_case_is_told_the_right_one() {
        assert!(service("My_API").unwrap_err().ends_with("write `\"my-api\"`"));
        assert!(service("").is_err());
        assert!(service(&"a".repeat(65)).is_err());
        assert_eq!(service("stripe").as_deref(), Ok("stripe"));
    }

    #[test]
    fn a_scope_is_tokens_and_single_spaces() {
        assert!(scope("read:customers write:refunds").is_ok());
        for text in ["", " ", "a  b", " a", "a ", "a a", "a\tb", "a\"b", "a\\b", "é"] {
            assert!(scope(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_are_what_every_provider_accepts() {
        assert!(tool_name("find-customers_2").is_ok());
        for text in ["", "2nd", "-a", "a.b", "größe", "a b", &"a".repeat(65)] {
            assert!(tool_name(text).is_err(), "{text:?}");
        }
        assert!(argument_name("a.b").is_ok());
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let known = ["service", "scope", "ttl", "uses"];
        assert_eq!(nearest("scopes", &known), Some("scope"));
        assert_eq!(nearest("tll", &known), Some("ttl"));
        assert_eq!(nearest("secret", &known), None);
    }
}
