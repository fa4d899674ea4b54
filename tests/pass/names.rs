//! Raw identifiers, new names, and names that need a little help.

use agentcred::{Nonce, Tool, ToolError, credentialed_tool};
use serde_json::json;

use crate::stage::{argument_names, call};

/// Match.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn r#match(
    r#type: String,
    #[tool(default = 1)] r#in: u8,
    #[tool(rename = "max.count")] limit: u8,
    stripe: Nonce,
) -> Result<String, ToolError> {
    drop(stripe);
    Ok(format!("{type} {in} {limit}", r#type = r#type, r#in = r#in))
}

/// Number.
#[expect(non_snake_case, reason = "it is odd")]
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", title = "The second")]
async fn _2nd_try__twice(_unused: Option<u8>, stripe: Nonce) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(2)
}

/// Find oneself.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn self_(stripe: Nonce) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(4)
}

/// Named.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", name = "find-it", struct = Finder)]
#[allow(non_snake_case)]
async fn FindIt(#[tool(rename = "size")] größe: Größe, stripe: Nonce) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(größe)
}

type Größe = u8;

#[tokio::test]
async fn raw_identifiers_lose_their_mark() {
    assert_eq!(Match.definition().name, "match");
    assert_eq!(argument_names(&Match), ["type", "in", "max.count"]);
    let answer = call(Match, json!({"type": "x", "max.count": 3})).await.unwrap();
    assert_eq!(answer, json!("x 1 3"));
}

#[tokio::test]
async fn odd_names_make_structs_too() {
    assert_eq!(Tool2ndTryTwice.definition().name, "_2nd_try__twice");
    assert_eq!(Tool2ndTryTwice.definition().title.as_deref(), Some("The second"));
    assert_eq!(call(Tool2ndTryTwice, json!({"_unused": 3})).await.unwrap(), json!(2));
    assert_eq!(call(ToolSelf, json!({})).await.unwrap(), json!(4));
}

#[tokio::test]
async fn a_name_for_the_model_and_one_for_the_program() {
    assert_eq!(Finder.definition().name, "find-it");
    assert_eq!(call(Finder, json!({"size": 3})).await.unwrap(), json!(3));
}
