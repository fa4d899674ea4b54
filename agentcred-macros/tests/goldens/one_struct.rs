//! All arguments as one struct.

/// Refund a charge.
#[credentialed_tool(service = "stripe", scope = "write:refunds", ttl = "1m", destructive)]
async fn refund_charge(#[tool(args)] refund: Refund, stripe: Nonce) -> Result<Refunded, ToolError> {
    refund.make(stripe).await
}
