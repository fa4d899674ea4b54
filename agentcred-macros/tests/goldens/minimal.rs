//! The least that a tool can be.

/// Find customers.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find_customers(stripe: Nonce) -> Result<Vec<Customer>, ToolError> {
    stripe.get("/v1/customers").send().await?.json()
}
