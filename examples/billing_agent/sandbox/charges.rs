//! `/v1/charges`: list by customer, retrieve by id.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde_json::Value;

use super::Desk;
use super::account::Charge;
use super::page::{Window, list_object};
use super::params::Params;
use super::refusal::Refusal;

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    let query = query.unwrap_or_default();
    let params = Params::read(query.as_bytes(), &["customer", "limit", "starting_after"])?;
    let window = Window::read(&params, "starting_after")?;
    let account = desk.account();
    let customer = params.text("customer");
    if let Some(id) = customer.filter(|id| account.customer(id).is_none()) {
        return Err(Refusal::missing_reference("customer", id, "customer"));
    }
    let page =
        window.cut(&account.charges, |charge| customer.is_none_or(|id| charge.customer == id))?;
    let items: Vec<Value> = page.items.into_iter().map(Charge::on_the_wire).collect();
    Ok(Json(list_object("/v1/charges", page.has_more, &items)))
}

pub(super) async fn retrieve(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    Params::read(query.unwrap_or_default().as_bytes(), &[])?;
    desk.account()
        .charges
        .iter()
        .find(|charge| charge.id == id)
        .map(|charge| Json(charge.on_the_wire()))
        .ok_or_else(|| Refusal::missing("charge", &id))
}
