//! What the model fills in: described, renamed, with a default.

/// Find customers by e-mail address.
///
/// The match is exact.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
pub async fn find_customers(
    /// E-mail address, matched exactly.
    email: String,
    #[tool(default = 10, description = "How many to return at most.")] limit: u32,
    #[tool(rename = "created.after")] created: Option<Date>,
    r#type: Kind,
    stripe: Nonce,
) -> Result<Vec<Customer>, ToolError> {
    find(email, limit, created, r#type, stripe).await
}
