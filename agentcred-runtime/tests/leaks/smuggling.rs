//! A model that names credentials, agents and scopes in its arguments is refused, and nothing is
//! minted for it.

use agentcred_macros::credentialed_tool;
use agentcred_runtime as agentcred;
use agentcred_runtime::{
    EgressResponse, MemoryIssuer, ModelErrorCode, Nonce, ToolError, testing, toolbox,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Dice, count};

#[derive(Deserialize, JsonSchema)]
struct Filter {
    status: Option<String>,
    lines: Option<Vec<Line>>,
}

#[derive(Deserialize, JsonSchema)]
struct Line {
    price: Option<u32>,
}

/// Find invoices.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:invoices", ttl = "1m")]
async fn find_invoices(email: String, filter: Filter, stripe: Nonce) -> Result<Value, ToolError> {
    let lines = filter.lines.unwrap_or_default();
    let prices: Vec<_> = lines.into_iter().map(|line| line.price).collect();
    let _ = stripe.get("/v1/invoices").query(&[("email", email)]).send().await?;
    Ok(json!([filter.status, prices]))
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
    let mut arguments = json!({"email": "ada@example.com", "filter": {"lines": [{"price": 1}]}});
    let place = ["", "/filter", "/filter/lines/0"][dice.roll(3)];
    let place = arguments.pointer_mut(place).unwrap();
    place.as_object_mut().unwrap().insert(name.to_owned(), value);
    arguments
}

#[tokio::test]
async fn no_argument_smuggles_a_credential_or_an_identity() {
    let issuer = MemoryIssuer::new(|_| EgressResponse::new(StatusCode::OK, "{}"))
        .grant("stripe", "read:invoices");
    let task = testing::task(toolbox![FindInvoices], &issuer).await.unwrap();
    let attempts = count("AGENTCRED_SMUGGLED", 5_000);
    let mut dice = Dice(42);
    for attempt in 0..attempts {
        let name = respelled(NAMES[attempt % NAMES.len()], &mut dice);
        let value = value(&mut dice);
        let arguments = smuggled(&name, value, &mut dice);
        let refused = task.call("find_invoices", arguments.clone()).await.into_result();
        let refused = refused.expect_err(&arguments.to_string());
        assert_eq!(refused.code, ModelErrorCode::InvalidArguments, "{arguments}");
        let repeated = name.chars().count() > 5 && refused.message.contains(&name);
        assert!(!repeated, "{arguments}: {}", refused.message);
    }
    assert_eq!(issuer.minted(), 0);

    // The control: without the smuggled member, the same call is granted.
    let honest = json!({"email": "ada@example.com", "filter": {"lines": [{"price": 1}]}});
    assert!(task.call("find_invoices", honest).await.into_result().is_ok());
    assert_eq!(issuer.minted(), 1);
}
