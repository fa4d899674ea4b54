//! Arguments that carry a credential or an identity, as a model may be talked into sending them.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Dice;

/// Arguments that do not fit the tool, and what is wrong with them.
pub(crate) struct Attempt {
    pub(crate) arguments: Value,
    name: String,
}

/// So many attempts, the same in every run.
pub(crate) fn attempts(count: usize) -> impl Iterator<Item = Attempt> {
    let mut dice = Dice(42);
    (0..count).map(move |attempt| {
        let name = respelled(NAMES[attempt % NAMES.len()], &mut dice);
        let value = value(&mut dice);
        Attempt { arguments: smuggled(&name, value, &mut dice), name }
    })
}

impl Attempt {
    /// Whether a refusal says the name that was sent. Short ones are words of any text.
    pub(crate) fn is_repeated_in(&self, refusal: &str) -> bool {
        self.name.chars().count() > 5 && refusal.contains(&self.name)
    }
}

/// What fits the tool: an `email: String` and a `filter: Filter`.
pub(crate) fn honest() -> Value {
    json!({"email": "ada@example.com", "filter": {"lines": [{"price": 1}]}})
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Filter {
    pub(crate) status: Option<String>,
    pub(crate) lines: Option<Vec<Line>>,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Line {
    pub(crate) price: Option<u32>,
}

/// What a model is told to try, in the order of how often it is seen.
const NAMES: [&str; 60] = [
    "nonce",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "auth",
    "authorization",
    "authentication",
    "bearer",
    "api_key",
    "apikey",
    "key",
    "secret",
    "client_secret",
    "password",
    "passwd",
    "pwd",
    "credential",
    "credentials",
    "cookie",
    "session",
    "session_id",
    "jwt",
    "assertion",
    "dpop",
    "proof",
    "signature",
    "certificate",
    "private_key",
    "x_api_key",
    "headers",
    "header",
    "agent",
    "agent_id",
    "agentId",
    "client_id",
    "task",
    "task_id",
    "taskId",
    "call_id",
    "tool_call_id",
    "user",
    "user_id",
    "sub",
    "act",
    "actor",
    "scope",
    "scopes",
    "service",
    "audience",
    "aud",
    "resource",
    "issuer",
    "iss",
    "ttl",
    "expires_in",
    "uses",
    "_meta",
    "stripe",
    "agentcred",
];

/// The name in another spelling that a lenient reader would take for the same.
fn respelled(name: &str, dice: &mut Dice) -> String {
    match dice.roll(8) {
        0 => name.to_uppercase(),
        1 => name.replace('_', "-"),
        2 => name.replace('_', ""),
        3 => format!("{name}\u{200b}"),
        4 => format!(" {name}"),
        5 => name.chars().map(fullwidth).collect(),
        6 => name.replace('a', "\u{430}").replace('e', "\u{435}"),
        _ => name.to_owned(),
    }
}

fn fullwidth(letter: char) -> char {
    match letter {
        '!'..='~' => char::from_u32(u32::from(letter) + 0xfee0).unwrap(),
        other => other,
    }
}

fn value(dice: &mut Dice) -> Value {
    match dice.roll(6) {
        0 => json!("acn_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        1 => json!({"value": "Bearer sk_live_0"}),
        2 => json!(["read:all", "write:all"]),
        3 => json!(null),
        4 => json!(3600),
        _ => json!(true),
    }
}

/// Honest arguments, and a place in them for one more member.
fn smuggled(name: &str, value: Value, dice: &mut Dice) -> Value {
    let mut arguments = honest();
    let place = ["", "/filter", "/filter/lines/0"][dice.roll(3)];
    let place = arguments.pointer_mut(place).unwrap();
    place.as_object_mut().unwrap().insert(name.to_owned(), value);
    arguments
}
