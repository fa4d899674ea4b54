//! Approval by a human: what an agent is told while it waits, and what the human is shown.
//!
//! The wire form follows OpenID Connect Client-Initiated Backchannel Authentication (CIBA): the
//! request for a nonce is answered with `authorization_pending`, an `auth_req_id`, an `interval`
//! and `expires_in`; the agent repeats the same request with that `auth_req_id` until it is
//! answered with a nonce, `access_denied` or `expired_token`. The summary travels as CIBA's
//! `binding_message`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{ApprovalId, NameError};

/// An answer that is not one yet (CIBA Core sections 7.3 and 11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingApproval {
    /// The name of the approval, for the next request.
    pub auth_req_id: ApprovalId,
    /// How long to wait between two requests at least, in seconds.
    pub interval: u64,
    /// How long somebody may still approve it, in seconds.
    pub expires_in: u64,
}

/// What a tool's author says of a call to whoever approves it: 1 to 500 characters.
///
/// # Security
/// Arguments of the model may stand in it, so it is shown with every character escaped that
/// could hide or reorder others: control, bidirectional and invisible ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Summary(String);

impl Summary {
    /// The most characters that it may have.
    pub const LONGEST: usize = 500;

    /// Reads a summary that came over the wire.
    ///
    /// # Errors
    /// When it is empty or too long.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if text.is_empty() || text.chars().nth(Self::LONGEST).is_some() {
            return Err(NameError { word: "binding_message", rule: "1 to 500 characters" });
        }
        Ok(Self(text))
    }

    /// Makes a summary of any text. A long one is cut and ends in `…`; none is made of nothing.
    pub fn cut(text: &str) -> Option<Self> {
        if text.chars().nth(Self::LONGEST).is_none() {
            return Self::new(text).ok();
        }
        Some(Self(text.chars().take(Self::LONGEST - 1).chain(['…']).collect()))
    }

    /// The text as it was written, for the way to the issuer.
    pub(crate) fn as_written(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Summary {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<Summary> for String {
    /// The text as it was written, to be kept; whoever shows it uses `Display`.
    fn from(summary: Summary) -> Self {
        summary.0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                c if is_seen_as_it_is(c) => fmt::Write::write_char(f, c)?,
                c => write!(f, "{}", c.escape_unicode())?,
            }
        }
        Ok(())
    }
}

/// Whether a reader sees the character where it stands. What Unicode calls default ignorable, and
/// what changes the direction of others, is not seen.
fn is_seen_as_it_is(c: char) -> bool {
    let is_hidden = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{e000}'..='\u{f8ff}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..);
    c == ' ' || !(c.is_control() || c.is_whitespace() || is_hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_hides_or_reorders_is_shown_escaped() {
        let shown = |text: &str| Summary::new(text).unwrap().to_string();
        assert_eq!(shown("refund 42.00 € to Zoë, 山田"), "refund 42.00 € to Zoë, 山田");
        assert_eq!(shown("pay \u{202e}00.1\u{202c}"), "pay \\u{202e}00.1\\u{202c}");
        assert_eq!(shown("a\nb\r\t\0\u{1b}[2J"), "a\\u{a}b\\u{d}\\u{9}\\u{0}\\u{1b}[2J");
        assert_eq!(shown("1\u{200b}0\u{a0}\u{e0041}"), "1\\u{200b}0\\u{a0}\\u{e0041}");
        // What is written with a backslash is not taken for what was escaped.
        assert_eq!(shown("\\u{202e}"), "\\\\u{202e}");
    }

    #[test]
    fn a_summary_has_a_length() {
        assert!(Summary::new("").is_err() && Summary::cut("").is_none());
        assert!(Summary::new("é".repeat(500)).is_ok() && Summary::new("é".repeat(501)).is_err());
        let cut = Summary::cut(&"é".repeat(501)).unwrap().to_string();
        assert_eq!(cut.chars().count(), 500);
        assert!(cut.ends_with("é…"));
    }

    proptest! {
        #[test]
        fn no_text_is_shown_with_a_character_that_is_not_seen(text in "\\PC{1,60}|[\\u{200b}-\\u{2070}\\u{0}-\\u{20}]{1,60}") {
            let shown = Summary::cut(&text).unwrap().to_string();
            prop_assert!(shown.chars().all(is_seen_as_it_is));
        }
    }
}
