//! `/v1/invoices`: list by customer and status, retrieve by id.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde_json::Value;

use super::Desk;
use super::page::{Window, list_object};
use super::params::Params;
use super::refusal::Refusal;

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    let query = query.unwrap_or_default();
    let known = ["customer", "limit", "starting_after", "status"];
    let params = Params::read(query.as_bytes(), &known)?;
    let window = Window::read(&params, "starting_after")?;
    let account = desk.account();
    let customer = params.text("customer");
    if let Some(id) = customer.filter(|id| account.customer(id).is_none()) {
        return Err(Refusal::missing_reference("customer", id, "customer"));
    }
    let status = params.text("status");
    if status.is_some_and(|status| !STATUSES.contains(&status)) {
        let message = format!("Invalid status: must be one of {}", STATUSES.join(", "));
        return Err(Refusal::bad_value("status", message));
    }
    let page = window.cut(&account.invoices, |invoice| {
        customer.is_none_or(|id| invoice.customer == id)
            && status.is_none_or(|status| invoice.status == status)
    })?;
    let items: Vec<Value> =
        page.items.into_iter().map(|invoice| account.invoice_on_the_wire(invoice)).collect();
    Ok(Json(list_object("/v1/invoices", page.has_more, &items)))
}

pub(super) async fn retrieve(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    Params::read(query.unwrap_or_default().as_bytes(), &[])?;
    let account = desk.account();
    account
        .invoices
        .iter()
        .find(|invoice| invoice.id == id)
        .map(|invoice| Json(account.invoice_on_the_wire(invoice)))
        .ok_or_else(|| Refusal::missing("invoice", &id))
}

const STATUSES: [&str; 5] = ["draft", "open", "paid", "uncollectible", "void"];
