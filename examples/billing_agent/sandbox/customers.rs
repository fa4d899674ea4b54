//! `/v1/customers`: list by e-mail, retrieve by id, search.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Value, json};

use super::Desk;
use super::account::Customer;
use super::page::{Window, list_object};
use super::params::Params;
use super::refusal::Refusal;
use super::search::Search;

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    let query = query.unwrap_or_default();
    let params = Params::read(query.as_bytes(), &["email", "limit", "starting_after"])?;
    let window = Window::read(&params, "starting_after")?;
    let account = desk.account();
    let email = params.text("email");
    let page = window
        .cut(&account.customers, |customer| email.is_none_or(|email| customer.email == email))?;
    let items: Vec<Value> = page.items.into_iter().map(Customer::on_the_wire).collect();
    Ok(Json(list_object("/v1/customers", page.has_more, &items)))
}

pub(super) async fn retrieve(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    Params::read(query.unwrap_or_default().as_bytes(), &[])?;
    desk.account()
        .customer(&id)
        .map(|customer| Json(customer.on_the_wire()))
        .ok_or_else(|| Refusal::missing("customer", &id))
}

pub(super) async fn search(
    State(desk): State<Arc<Desk>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    let query = query.unwrap_or_default();
    let params = Params::read(query.as_bytes(), &["limit", "page", "query"])?;
    let search = Search::parse(params.required("query")?)?;
    let window = Window::read(&params, "page")?;
    let account = desk.account();
    let page = window.cut(&account.customers, |customer| search.matches(customer))?;
    let next_page = match page.items.last() {
        Some(last) if page.has_more => Some(last.id.as_str()),
        _ => None,
    };
    Ok(Json(json!({
        "object": "search_result",
        "url": "/v1/customers/search",
        "has_more": page.has_more,
        "next_page": next_page,
        "data": page.items.into_iter().map(Customer::on_the_wire).collect::<Vec<_>>(),
    })))
}
