//! The agent's tools: one that is careful, one that may not, and one that logs what it should not.

use agentcred::{Nonce, ToolError, Toolbox, credentialed_tool, toolbox};

pub(crate) fn tools() -> Toolbox {
    toolbox![ReadCustomer, PayOut, Careless]
}

/// Read a customer's record.
#[credentialed_tool(service = "crm", scope = "read:customers", ttl = "1m", uses = 2)]
async fn read_customer(id: String, crm: Nonce) -> Result<String, ToolError> {
    Ok(crm.get(format!("/v1/customers/{id}")).send().await?.text()?)
}

/// Pay money out to a customer. The policy does not grant it.
#[credentialed_tool(service = "crm", scope = "write:payouts", ttl = "1m")]
async fn pay_out(id: String, crm: Nonce) -> Result<String, ToolError> {
    Ok(crm.post(format!("/v1/customers/{id}/payouts")).send().await?.text()?)
}

/// Read a customer's record and log all of it.
#[credentialed_tool(service = "crm", scope = "read:customers", ttl = "1m")]
async fn careless(id: String, crm: Nonce) -> Result<String, ToolError> {
    let record = crm.get(format!("/v1/customers/{id}")).send().await?.text()?;
    tracing::info!(id, record, "read a customer");
    Ok(record)
}
