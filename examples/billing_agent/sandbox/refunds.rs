//! `/v1/refunds`: give back a charge, whole or in part.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::Value;

use super::Desk;
use super::account::Refund;
use super::params::Params;
use super::refusal::Refusal;

pub(super) async fn create(
    State(desk): State<Arc<Desk>>,
    form: Bytes,
) -> Result<Json<Value>, Refusal> {
    let params = Params::read(&form, &["amount", "charge", "reason"])?;
    let id = params.required("charge")?;
    let amount = params.integer("amount", 1, i64::MAX)?;
    let reason = params.text("reason");
    if reason.is_some_and(|reason| !REASONS.contains(&reason)) {
        let message = format!("Invalid reason: must be one of {}", REASONS.join(", "));
        return Err(Refusal::bad_value("reason", message));
    }

    let mut account = desk.account();
    let (created, number) = (account.now(), account.refunds.len() + 1);
    let charge = account
        .charges
        .iter_mut()
        .find(|charge| charge.id == id)
        .ok_or_else(|| Refusal::missing_reference("charge", id, "charge"))?;
    let left = charge.amount - charge.amount_refunded;
    if left == 0 {
        return Err(Refusal::already_refunded(id));
    }
    let amount = amount.unwrap_or(left);
    if amount > left {
        let message =
            format!("Refund amount ({amount}) is greater than what is left of the charge ({left})");
        return Err(Refusal::bad_value("amount", message));
    }
    charge.amount_refunded += amount;
    let refund = Refund {
        id: format!("re_{number:024}"),
        charge: charge.id.clone(),
        amount,
        currency: charge.currency.clone(),
        reason: reason.map(str::to_owned),
        created,
    };
    let answer = refund.on_the_wire();
    account.refunds.push(refund);
    Ok(Json(answer))
}

const REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];
