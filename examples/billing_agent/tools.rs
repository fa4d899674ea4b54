//! The billing agent's tools: functions that talk to Stripe with a nonce made for one call.

use agentcred::{Nonce, Response, ToolError, Toolbox, credentialed_tool, toolbox};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::stripe::{Charge, Customer, Invoice, InvoiceStatus, Listed, Owed, Page, Refund};

/// Every tool of the billing agent.
pub(crate) fn billing_tools() -> Toolbox {
    toolbox![FindCustomers, ListInvoices, SumOwed, ListCharges, FindCharge, RefundCharge]
}

/// Find customers by id, by e-mail address or by name. Without any of them: the newest ten.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "1m", read_only)]
async fn find_customers(
    /// The customer's id, as `cus_..`.
    id: Option<String>,
    /// The customer's e-mail address, matched exactly.
    email: Option<String>,
    /// A part of the customer's name, three letters or more.
    name: Option<String>,
    stripe: Nonce,
) -> Result<Vec<Customer>, ToolError> {
    match (id, email, name) {
        (None, None, None) => Ok(stripe.get("/v1/customers").fetch::<Page<_>>().await?.data),
        (None, Some(email), None) => {
            page(stripe.get("/v1/customers").query(&[("email", email)]).send().await?)
        }
        (None, None, Some(name)) => {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            let query = [("query", format!("name~\"{quoted}\"")), ("limit", "100".to_owned())];
            page(stripe.get("/v1/customers/search").query(&query).send().await?)
        }
        (Some(id), None, None) => {
            let response = stripe.get(format!("/v1/customers/{}", plain_id(&id)?)).send().await?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(Vec::new());
            }
            Ok(vec![read(response)?])
        }
        _ => Err(ToolError::visible("give one of id, email and name, not several")),
    }
}

/// List the invoices of a customer, newest first.
#[credentialed_tool(service = "stripe", scope = "read:invoices", ttl = "2m", uses = 10, read_only)]
async fn list_invoices(
    /// The customer's id, as `cus_..`.
    customer: String,
    /// Only the invoices with this status.
    status: Option<InvoiceStatus>,
    stripe: Nonce,
) -> Result<Vec<Invoice>, ToolError> {
    invoices(&stripe, customer, status).await
}

/// Sum what a customer owes: what remains to be paid of the open invoices, for each currency.
#[credentialed_tool(service = "stripe", scope = "read:invoices", ttl = "2m", uses = 10, read_only)]
async fn sum_owed(
    /// The customer's id, as `cus_..`.
    customer: String,
    stripe: Nonce,
) -> Result<Vec<Owed>, ToolError> {
    let open = invoices(&stripe, customer, Some(InvoiceStatus::Open)).await?;
    Ok(Owed::by_currency(&open))
}

/// List the charges that a customer has paid, newest first.
#[credentialed_tool(service = "stripe", scope = "read:charges", ttl = "2m", uses = 10, read_only)]
async fn list_charges(
    /// The customer's id, as `cus_..`.
    customer: String,
    stripe: Nonce,
) -> Result<Vec<Charge>, ToolError> {
    every_page(&stripe, "/v1/charges", vec![("customer", customer)]).await
}

/// Look up one charge by its id: what was paid, and what was refunded of it.
#[credentialed_tool(service = "stripe", scope = "read:charges", ttl = "1m", read_only)]
async fn find_charge(
    /// The charge's id, as `ch_..`.
    charge: String,
    stripe: Nonce,
) -> Result<Charge, ToolError> {
    read(stripe.get(format!("/v1/charges/{}", plain_id(&charge)?)).send().await?)
}

/// Refund a charge, all that is left of it or a part. This moves money and cannot be undone.
#[credentialed_tool(service = "stripe", scope = "write:refunds", ttl = "1m", destructive)]
async fn refund_charge(
    /// The charge's id, as `ch_..`.
    charge: String,
    /// How much to refund, in the smallest unit of the charge's currency (cents for usd). All
    /// that is left when it is absent.
    amount: Option<i64>,
    stripe: Nonce,
) -> Result<Refund, ToolError> {
    let mut form = vec![("charge", charge)];
    form.extend(amount.map(|amount| ("amount", amount.to_string())));
    read(stripe.post("/v1/refunds").form(&form).send().await?)
}

async fn invoices(
    stripe: &Nonce,
    customer: String,
    status: Option<InvoiceStatus>,
) -> Result<Vec<Invoice>, ToolError> {
    let mut query = vec![("customer", customer)];
    query.extend(status.map(|status| ("status", status.as_str().to_owned())));
    every_page(stripe, "/v1/invoices", query).await
}

/// Follows a list to its end, as far as the nonce's uses go.
async fn every_page<T: DeserializeOwned + Listed>(
    stripe: &Nonce,
    path: &'static str,
    query: Vec<(&'static str, String)>,
) -> Result<Vec<T>, ToolError> {
    let request = stripe.get(path).query(&query).query(&[("limit", LARGEST_PAGE)]);
    let (mut items, mut pages) = (Vec::new(), request.pages::<Page<T>>());
    while let Some(page) = pages.next_by(read).await? {
        items.extend(page.data);
        if page.has_more && stripe.uses_left() == 0 {
            let most = items.len();
            let told = format!("there are more than {most}; ask for fewer, as by status");
            return Err(ToolError::visible(told));
        }
    }
    Ok(items)
}

fn page<T: DeserializeOwned>(response: Response) -> Result<Vec<T>, ToolError> {
    Ok(read::<Page<T>>(response)?.data)
}

/// The content of a success; of an error that a model can act on, Stripe's own words.
fn read<T: DeserializeOwned>(response: Response) -> Result<T, ToolError> {
    #[derive(Deserialize)]
    struct ErrorBody {
        error: ErrorObject,
    }
    #[derive(Deserialize)]
    struct ErrorObject {
        message: String,
    }
    let status = response.status();
    if !matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::PAYMENT_REQUIRED | StatusCode::NOT_FOUND
    ) {
        return Ok(response.json()?);
    }
    let body: ErrorBody = serde_json::from_slice(&response.into_body())?;
    Err(ToolError::visible(body.error.message).because(format!("stripe answered with {status}")))
}

/// An id that can stand in a path as it is.
fn plain_id(id: &str) -> Result<&str, ToolError> {
    let plain =
        !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain { Ok(id) } else { Err(ToolError::visible("an id has letters, digits and _ only")) }
}

/// Stripe's.
const LARGEST_PAGE: u32 = 100;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use agentcred::{Agent, EgressRequest, EgressResponse, MemoryIssuer, ModelError};
    use serde_json::{Value, json};

    use super::*;

    /// Calls a tool whose upstream is `answer`, and returns what was asked of the upstream.
    async fn call(
        tool: &str,
        arguments: Value,
        answer: impl Fn(usize) -> (u16, Value) + Send + Sync + 'static,
    ) -> (Result<Value, ModelError>, Vec<String>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let upstream = {
            let asked = Arc::clone(&asked);
            move |request: &EgressRequest| {
                let EgressRequest { method, path, query, body, .. } = request;
                let body = String::from_utf8_lossy(body);
                let mut asked = asked.lock().unwrap();
                asked.push(format!("{method} {path}?{query} {body}"));
                let (status, body) = answer(asked.len());
                EgressResponse::new(StatusCode::from_u16(status).unwrap(), body.to_string())
            }
        };
        let mut issuer = MemoryIssuer::new(upstream);
        for scope in ["read:customers", "read:invoices", "read:charges", "write:refunds"] {
            issuer = issuer.grant("stripe", scope);
        }
        let agent = Agent::builder("billing-agent").issuer(issuer).tools(billing_tools());
        let task = agent.build().unwrap().task("task-1").await.unwrap();
        let result = task.call(tool, arguments).await.into_result();
        let asked = asked.lock().unwrap().clone();
        (result, asked)
    }

    fn invoice(id: &str, remaining: i64) -> Value {
        json!({"id": id, "number": id, "status": "open", "currency": "usd", "amount_due": 900,
               "amount_paid": 900 - remaining, "amount_remaining": remaining,
               "created": 1_767_268_800, "due_date": null, "livemode": false})
    }

    #[tokio::test]
    async fn a_list_is_followed_to_its_end() {
        let (result, asked) = call("sum_owed", json!({"customer": "cus_1"}), |number| {
            let id = format!("in_{number}");
            (200, json!({"data": [invoice(&id, 300)], "has_more": number < 3}))
        })
        .await;
        assert_eq!(result.unwrap(), json!([{"currency": "usd", "amount": 900, "invoices": 3}]));
        assert_eq!(asked[0], "GET /v1/invoices?customer=cus_1&status=open&limit=100 ");
        assert!(asked[2].contains("starting_after=in_2"), "{asked:?}");
    }

    #[tokio::test]
    async fn a_list_without_end_is_given_up_within_the_nonces_uses() {
        let (result, asked) = call("list_invoices", json!({"customer": "cus_1"}), |number| {
            (200, json!({"data": vec![invoice(&format!("in_{number}"), 1); 100], "has_more": true}))
        })
        .await;
        assert!(result.unwrap_err().message.starts_with("there are more than 1000"));
        assert_eq!(asked.len(), 10);
    }

    #[tokio::test]
    async fn a_name_is_quoted_for_the_search() {
        let arguments = json!({"name": "O\"Dan\\"});
        let (_, asked) =
            call("find_customers", arguments, |_| (200, json!({"data": [], "has_more": false})))
                .await;
        let query = r#"name~"O\"Dan\\""#;
        let written: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        assert_eq!(asked, [format!("GET /v1/customers/search?query={written}&limit=100 ")]);
    }

    #[tokio::test]
    async fn a_customer_that_stripe_does_not_know_is_no_error() {
        let missing = |_| (404, json!({"error": {"message": "No such customer"}}));
        let (result, asked) = call("find_customers", json!({"id": "cus_none"}), missing).await;
        assert_eq!(result.unwrap(), json!([]));
        assert_eq!(asked, ["GET /v1/customers/cus_none? "]);
    }

    #[tokio::test]
    async fn an_id_cannot_leave_its_place_in_the_path() {
        for id in ["../charges", "", "a/b", "a?b", "%2e"] {
            let (result, asked) =
                call("find_charge", json!({"charge": id}), |_| (200, json!({}))).await;
            assert!(result.unwrap_err().message.contains("letters, digits"), "{id}");
            assert!(asked.is_empty(), "{asked:?}");
        }
    }

    #[tokio::test]
    async fn a_refund_is_a_form() {
        let refund = |_| {
            (
                200,
                json!({"id": "re_1", "charge": "ch_1", "amount": 5, "currency": "usd",
                         "status": "succeeded"}),
            )
        };
        let (result, asked) =
            call("refund_charge", json!({"charge": "ch_1", "amount": 5}), refund).await;
        assert_eq!(result.unwrap()["id"], "re_1");
        assert_eq!(asked, ["POST /v1/refunds? charge=ch_1&amount=5"]);
    }

    #[tokio::test]
    async fn the_model_reads_what_it_can_act_on_and_nothing_else() {
        let refused = |_| (400, json!({"error": {"message": "already refunded"}}));
        let (result, _) = call("refund_charge", json!({"charge": "ch_1"}), refused).await;
        assert_eq!(result.unwrap_err().message, "already refunded");
        let broken = |_| (500, json!({"error": {"message": "at db-7"}}));
        let (result, _) = call("refund_charge", json!({"charge": "ch_1"}), broken).await;
        assert_eq!(result.unwrap_err().message, "the tool failed");
    }
}
