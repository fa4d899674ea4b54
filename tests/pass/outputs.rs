//! What a tool returns: values, errors, and what the model reads of them.

use agentcred::{ModelErrorCode, Nonce, Tool, ToolError, credentialed_tool};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::stage::{call, nothing};

#[derive(Serialize, JsonSchema)]
struct Customer {
    id: String,
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
}

/// Find a customer.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find(stripe: Nonce) -> Result<Customer, ToolError> {
    drop(stripe);
    Ok(Customer { id: "cus_1".to_owned(), email: None, phone: None })
}

/// Parse.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn parse(number: String, stripe: Nonce) -> Result<u8, std::num::ParseIntError> {
    drop(stripe);
    number.parse()
}

/// A failure that is no `std::error::Error`.
enum Failure {
    Unknown,
}

impl From<Failure> for ToolError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unknown => ToolError::visible("no such customer"),
        }
    }
}

/// Fail in words.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn fail(stripe: Nonce) -> Result<(), Failure> {
    drop(stripe);
    Err(Failure::Unknown)
}

#[tokio::test]
async fn the_schema_of_an_output_allows_what_is_written() {
    let schema = Find.definition().output_schema.unwrap();
    assert_eq!(
        schema,
        json!({
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "email": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "phone": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "required": ["id", "email"],
            "additionalProperties": false,
        })
    );
    assert_eq!(call(Find, nothing()).await.unwrap(), json!({"id": "cus_1", "email": null}));
}

#[tokio::test]
async fn any_error_ends_a_tool_and_stays_in_the_log() {
    let error = call(Parse, json!({"number": "canary"})).await.unwrap_err();
    assert_eq!(error.code, ModelErrorCode::ToolFailed);
    assert!(!error.message.contains("digit"), "{}", error.message);
    assert_eq!(
        Parse.definition().output_schema,
        Some(json!({"type": "integer", "minimum": 0, "maximum": 255}))
    );
}

#[tokio::test]
async fn an_error_of_the_authors_own_can_speak_to_the_model() {
    assert_eq!(call(Fail, nothing()).await.unwrap_err().message, "no such customer");
    assert_eq!(Fail.definition().output_schema, None);
}
