//! What the model can fill in: nested, optional, with defaults, or all as one struct.

use std::collections::BTreeMap;

use agentcred::{Nonce, Tool, ToolError, credentialed_tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::stage::{argument_names, call, refusal};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Open,
    PastDue,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
enum Search {
    Email { email: String },
    Period { from: u16, to: Option<u16> },
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Filter {
    search: Option<Search>,
    #[serde(default)]
    status: Vec<Status>,
    labels: Option<BTreeMap<String, u8>>,
    #[schemars(range(max = 100))]
    limit: u32,
}

const MOST: u32 = 50;

/// List invoices.
#[credentialed_tool(service = "stripe", scope = "read:invoices", ttl = "5m")]
async fn list_invoices(
    filter: Filter,
    also: Option<Status>,
    #[tool(default = MOST / 2)] most: u32,
    #[tool(default = Some(Status::PastDue))] status: Option<Status>,
    #[tool(default = vec![1, 2], description = "Which pages.")] pages: Vec<u8>,
    stripe: Nonce,
) -> Result<Value, ToolError> {
    drop(stripe);
    Ok(json!({ "filter": filter, "also": also, "most": most, "status": status, "pages": pages }))
}

#[tokio::test]
async fn nested_enums_and_options_arrive() {
    let filter = json!({"search": {"by": "period", "from": 1}, "limit": 3, "labels": {"a": 1}});
    let answer = call(ListInvoices, json!({ "filter": filter, "also": "open" })).await.unwrap();
    let filter = json!({"search": {"by": "period", "from": 1, "to": null}, "status": [], "labels": {"a": 1}, "limit": 3});
    assert_eq!(
        answer,
        json!({"filter": filter, "also": "open", "most": 25, "status": "past_due", "pages": [1, 2]})
    );
}

#[tokio::test]
async fn a_null_where_a_value_may_be_absent_counts_as_absent() {
    let filter = json!({"search": null, "status": null, "labels": null, "limit": 3});
    let arguments =
        json!({"filter": filter, "also": null, "most": null, "status": null, "pages": null});
    let answer = call(ListInvoices, arguments).await.unwrap();
    let filter = json!({"search": null, "status": [], "labels": null, "limit": 3});
    assert_eq!(
        answer,
        json!({"filter": filter, "also": null, "most": 25, "status": "past_due", "pages": [1, 2]})
    );
}

#[test]
fn optional_means_absent_from_required_and_defaults_are_shown() {
    let schema = ListInvoices.definition().input_schema;
    assert_eq!(schema["required"], json!(["filter"]));
    assert_eq!(schema["properties"]["most"]["default"], json!(25));
    assert_eq!(
        schema["properties"]["status"],
        json!({"type": "string", "enum": ["open", "past_due"], "default": "past_due"})
    );
    assert_eq!(
        schema["properties"]["also"],
        json!({"type": "string", "enum": ["open", "past_due"]})
    );
    assert_eq!(schema["properties"]["pages"]["description"], json!("Which pages."));
    assert!(!schema.to_string().contains("null"), "{schema}");
}

#[tokio::test]
async fn what_is_wrong_deep_inside_is_named() {
    for (filter, message) in [
        (json!({"limit": "canary"}), "`filter.limit` must be an integer from 0 to 100"),
        (json!({"limit": 101}), "`filter.limit` must be an integer from 0 to 100"),
        (
            json!({"limit": 1, "canary": 1}),
            "`filter` has a field that is not known; it takes `search`, `status`, `labels`, `limit`",
        ),
        (json!({}), "`filter.limit` is missing"),
        (
            json!({"limit": 1, "labels": {"canary": "canary"}}),
            "`filter.labels.*` must be an integer from 0 to 255",
        ),
        (
            json!({"limit": 1, "status": ["open", "canary"]}),
            "`filter.status[1]` must be one of `open`, `past_due`",
        ),
        (
            json!({"limit": 1, "search": {"by": "period", "from": "canary"}}),
            "`filter.search.from` must be an integer from 0 to 65535",
        ),
    ] {
        assert_eq!(refusal(ListInvoices, json!({ "filter": filter })).await, message);
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Refund {
    /// The charge's id.
    charge_id: String,
    /// In cents.
    #[serde(default = "whole")]
    amount: u64,
    reason: Option<Status>,
}

fn whole() -> u64 {
    u64::MAX
}

/// Refund a charge.
#[credentialed_tool(service = "stripe", scope = "write:refunds", ttl = "1m", destructive, struct = RefundCharge)]
async fn refund(#[tool(args)] refund: Refund, stripe: Nonce) -> Result<String, ToolError> {
    drop(stripe);
    Ok(format!("{} {} {:?}", refund.charge_id, refund.amount, refund.reason))
}

#[tokio::test]
async fn one_struct_takes_all_arguments_by_its_own_rules() {
    assert_eq!(argument_names(&RefundCharge), ["chargeId", "amount", "reason"]);
    let answer = call(RefundCharge, json!({"chargeId": "ch_1"})).await.unwrap();
    assert_eq!(answer, json!(format!("ch_1 {} None", u64::MAX)));
    let message = refusal(RefundCharge, json!({"charge_id": "canary"})).await;
    assert_eq!(
        message,
        "there is an argument that this tool does not take; it takes `chargeId`, `amount`, `reason`"
    );
}
