//! Tools made by the attribute, prepared and run without an agent.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::nonce::inert::nonce;
use crate::{
    Arguments, CallContext, Injection, Invocation, Nonce, State, StateMap, Tool, ToolError,
};
use agentcred_macros::credentialed_tool;

/// Find customers by e-mail address.
///
/// The match is exact.
#[credentialed_tool(crate = crate, service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find_customers(
    /// E-mail address, matched exactly.
    email: String,
    /// How many customers to return at most.
    #[tool(default = 10)]
    limit: u32,
    stripe: Nonce,
) -> Result<Vec<String>, ToolError> {
    Ok(vec![email, limit.to_string(), stripe.service().to_owned()])
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Open,
    Paid,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Filter {
    status: Option<Status>,
    #[serde(default)]
    tags: Vec<String>,
}

/// Count.
#[credentialed_tool(
    crate = crate,
    service = "stripe", scope = "read:invoices write:mail", ttl = "20s", uses = 3, timeout = "1m",
    name = "count-all", title = "Count", read_only, open_world = false, struct = Counter,
)]
fn count(
    filter: Filter,
    #[tool(rename = "type", description = "The kind.")] r#type: Option<String>,
    #[tool(default = Status::Open)] status: Status,
    #[credential(service = "mail", scope = "send", ttl = "10s", uses = 2)] mail: Nonce,
    stripe: Nonce,
    call: CallContext,
    pool: State<u64>,
) -> Result<Value, ToolError> {
    Ok(json!({
        "filter": [json!(filter.status), json!(filter.tags)], "type": r#type, "status": status,
        "mail": mail.service(), "stripe": stripe.service(), "call": call.call_id(), "pool": *pool,
    }))
}

#[derive(Deserialize, JsonSchema)]
struct Whole {
    /// How many.
    many: u8,
    node: Option<Node>,
}

#[derive(Deserialize, JsonSchema)]
struct Node {
    next: Option<Box<Node>>,
}

/// Take one struct.
#[credentialed_tool(crate = crate, service = "stripe", scope = "x", ttl = "1h")]
async fn take_whole(#[tool(args)] whole: Whole, _stripe: Nonce) -> Result<u8, ToolError> {
    let mut depth = whole.many;
    let mut node = whole.node;
    while let Some(inner) = node {
        depth += 1;
        node = inner.next.map(|next| *next);
    }
    Ok(depth)
}

fn injection(nonces: Vec<Nonce>) -> Injection {
    let mut state = StateMap::default();
    state.insert(7_u64);
    Injection { nonces, context: crate::context::example(), state: Arc::new(state) }
}

fn prepare(tool: &impl Tool, arguments: Value) -> Result<Invocation, String> {
    tool.prepare(Arguments::new(arguments).unwrap()).map_err(|error| error.to_string())
}

async fn run(tool: &impl Tool, arguments: Value, nonces: &[&str]) -> Value {
    let nonces = nonces.iter().map(|service| nonce(service)).collect();
    prepare(tool, arguments).unwrap().run(injection(nonces)).await.unwrap()
}

#[test]
fn the_model_sees_arguments_and_nothing_else() {
    let definition = FindCustomers.definition();
    assert_eq!(definition.name, "find_customers");
    assert_eq!(definition.description, "Find customers by e-mail address.\n\nThe match is exact.");
    assert_eq!(
        definition.input_schema,
        json!({
            "type": "object",
            "properties": {
                "email": {"type": "string", "description": "E-mail address, matched exactly."},
                "limit": {
                    "type": "integer", "minimum": 0, "maximum": u32::MAX,
                    "description": "How many customers to return at most.", "default": 10,
                },
            },
            "required": ["email"],
            "additionalProperties": false,
        })
    );
    assert_eq!(
        definition.output_schema,
        Some(json!({"type": "array", "items": {"type": "string"}}))
    );
    assert_eq!(definition.timeout, Duration::from_secs(30));
}

#[test]
fn every_key_of_the_attribute_arrives() {
    let definition = Counter.definition();
    assert_eq!(definition.name, "count-all");
    assert_eq!(definition.title.as_deref(), Some("Count"));
    assert_eq!(definition.hints.read_only, Some(true));
    assert_eq!(definition.hints.open_world, Some(false));
    assert_eq!(definition.hints.idempotent, None);
    assert_eq!(definition.timeout, Duration::from_mins(1));
    let [mail, stripe] = &definition.credentials[..] else { panic!("two credentials") };
    assert_eq!((mail.parameter, mail.service, mail.scope, mail.uses), ("mail", "mail", "send", 2));
    assert_eq!((stripe.parameter, stripe.service, stripe.uses), ("stripe", "stripe", 3));
    assert_eq!(stripe.ttl, Duration::from_secs(20));
    assert_eq!(definition.state.len(), 1);
    assert_eq!(definition.output_schema, None);
    assert_eq!(definition.input_schema["required"], json!(["filter"]));
    assert_eq!(
        definition.input_schema["properties"]["type"],
        json!({"type": "string", "description": "The kind."})
    );
    assert_eq!(
        definition.input_schema["properties"]["filter"]["properties"]["status"],
        json!({"type": "string", "enum": ["open", "paid"]})
    );
}

#[tokio::test]
async fn arguments_and_credentials_reach_the_function() {
    let output = run(&FindCustomers, json!({"email": "ada@example.com"}), &["stripe"]).await;
    assert_eq!(output, json!(["ada@example.com", "10", "stripe"]));
    let output = run(&FindCustomers, json!({"email": "a", "limit": null}), &["stripe"]).await;
    assert_eq!(output, json!(["a", "10", "stripe"]));
}

#[tokio::test]
async fn a_sync_function_gets_two_credentials_state_and_context() {
    let arguments = json!({"filter": {"status": null}, "type": "x", "status": "paid"});
    let output = run(&Counter, arguments, &["mail", "stripe"]).await;
    assert_eq!(
        output,
        json!({
            "filter": [null, []], "type": "x", "status": "paid",
            "mail": "mail", "stripe": "stripe", "call": "call-1", "pool": 7,
        })
    );
}

#[tokio::test]
async fn one_struct_takes_all_arguments_recursive_ones_too() {
    let arguments = json!({"many": 3, "node": {"next": {"next": null}}});
    assert_eq!(run(&TakeWhole, arguments, &["stripe"]).await, json!(5));
    let refused =
        prepare(&TakeWhole, json!({"many": 3, "node": {"next": {"nxt": null}}})).unwrap_err();
    assert_eq!(refused, "`node.next` has a field that is not known; it takes `next`");
}

#[tokio::test]
async fn a_call_without_its_nonce_fails_and_does_not_panic() {
    let prepared = prepare(&FindCustomers, json!({"email": "a"})).unwrap();
    assert!(prepared.run(injection(Vec::new())).await.is_err());
}

#[test]
fn wrong_arguments_are_named_and_never_repeated() {
    for (arguments, refusal) in [
        (json!({}), "`email` is missing"),
        (
            json!({"email": "canary", "canary": 1}),
            "there is an argument that this tool does not take; it takes `email`, `limit`",
        ),
        (
            json!({"email": "a", "stripe": "acn_canary"}),
            "there is an argument that this tool does not take; it takes `email`, `limit`",
        ),
        (
            json!({"email": "a", "limit": "canary"}),
            "`limit` must be an integer from 0 to 4294967295",
        ),
        (json!({"email": "a", "limit": -1}), "`limit` must be an integer from 0 to 4294967295"),
        (json!({"email": ["canary"]}), "`email` must be a string"),
        (json!({"email": null}), "`email` must be a string"),
    ] {
        assert_eq!(prepare(&FindCustomers, arguments.clone()).unwrap_err(), refusal, "{arguments}");
    }
    for (arguments, refusal) in [
        (json!({"filter": {"status": "canary"}}), "`filter.status` must be one of `open`, `paid`"),
        (
            json!({"filter": {"canary": 1}}),
            "`filter` has a field that is not known; it takes `status`, `tags`",
        ),
        (json!({"filter": {"tags": ["a", 1]}}), "`filter.tags[1]` must be a string"),
        (json!({"filter": "canary"}), "`filter` must be an object"),
    ] {
        assert_eq!(prepare(&Counter, arguments.clone()).unwrap_err(), refusal, "{arguments}");
    }
}
