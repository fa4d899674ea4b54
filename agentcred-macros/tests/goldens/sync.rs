//! A function that blocks.

/// Sum what is owed.
#[credentialed_tool(service = "stripe", scope = "read:invoices", ttl = "5m")]
pub(crate) fn sum_owed(customer: CustomerId, stripe: Nonce) -> Result<u64, ToolError> {
    sum(customer, stripe)
}
