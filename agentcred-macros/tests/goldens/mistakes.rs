//! What is left beside the errors, so that nothing else in the program breaks.

/// Find customers.
#[credentialed_tool(service = "Stripe", scope = "read:customers", ttl = "5 minutes")]
async fn find_customers(email: &str, #[tool(default = 3)] limit: u32, stripe: Nonce) -> Result<Vec<Customer>, ToolError> {
    find(email, limit, stripe).await
}
