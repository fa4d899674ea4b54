//! A description that stands in a file.

/// Find customers.
///
#[doc = include_str!("find_customers.md")]
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find_customers(
    #[doc = include_str!("email.md")] email: String,
    stripe: Nonce,
) -> Result<Vec<Customer>, ToolError> {
    find(email, stripe).await
}
