//! In an `impl` nothing can stand beside a method, so it is left as it was.

impl Bank {
    /// Find customers.
    #[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
    async fn find_customers(&self, stripe: Nonce) -> Result<Vec<Customer>, ToolError> {
        find(stripe).await
    }
}
