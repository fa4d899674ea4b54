//! Every key of the attribute.

#[credentialed_tool(
    service = "stripe",
    scope = "read:customers read:invoices",
    ttl = "20s",
    uses = 3,
    name = "find-customers",
    title = "Find customers",
    description = "Find customers by e-mail address.",
    timeout = "1m",
    read_only,
    destructive = false,
    idempotent,
    open_world = true,
    crate = crate::vendored::agentcred,
    struct = Finder,
)]
async fn find_customers(stripe: Nonce) -> Result<Vec<Customer>, ToolError> {
    find(stripe).await
}
