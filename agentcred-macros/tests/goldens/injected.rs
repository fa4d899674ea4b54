//! Two credentials, state and the call. Which of them is what, the types decide.

/// Remind a customer.
#[credentialed_tool(service = "stripe", scope = "read:invoices", ttl = "5m")]
async fn remind(
    id: CustomerId,
    stripe: Nonce,
    #[credential(service = "mail", scope = "send", ttl = "20s", uses = 2)] mail: Nonce,
    mailer: State<Mailer>,
    call: CallContext,
) -> Outcome<()> {
    mailer.remind(id, stripe, mail, call).await
}
