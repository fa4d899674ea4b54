//! `#[cfg]` on the function and on parameters; other attributes stay where they are.

/// Find customers.
#[cfg(feature = "stripe")]
#[deprecated]
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
#[instrument(skip_all)]
async fn find_customers(
    #[cfg(unix)]
    #[allow(unused)]
    #[tool(default = 3)]
    limit: u32,
    stripe: Nonce,
) -> Result<Vec<Customer>, ToolError> {
    find(stripe).await
}
