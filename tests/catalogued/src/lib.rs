//! A user's crate with an `agentcred.toml` beside its Cargo.toml. What that file lists compiles:
//!
//! ```
//! # use agentcred::{Nonce, ToolError, credentialed_tool};
//! /// Find invoices.
//! #[credentialed_tool(service = "stripe", scope = "read:invoices", ttl = "5m")]
//! async fn find_invoices(_stripe: Nonce) -> Result<u32, ToolError> { Ok(1) }
//! ```
//!
//! The same tool with a scope, then with a service, that is not listed does not:
//!
//! ```compile_fail
//! # use agentcred::{Nonce, ToolError, credentialed_tool};
//! /// Find invoices.
//! #[credentialed_tool(service = "stripe", scope = "read:invoice", ttl = "5m")]
//! async fn find_invoices(_stripe: Nonce) -> Result<u32, ToolError> { Ok(1) }
//! ```
//!
//! ```compile_fail
//! # use agentcred::{Nonce, ToolError, credentialed_tool};
//! /// Find invoices.
//! #[credentialed_tool(service = "strpe", scope = "read:invoices", ttl = "5m")]
//! async fn find_invoices(_stripe: Nonce) -> Result<u32, ToolError> { Ok(1) }
//! ```
//!
//! What the compiler says then is tested where the catalogue is read, in agentcred-macros.

use agentcred::{Nonce, ToolError, credentialed_tool};

/// Remind a customer of an invoice.
///
/// # Errors
/// When a service refuses.
#[credentialed_tool(service = "stripe", scope = "read:customers read:invoices", ttl = "5m")]
pub fn remind(
    stripe: Nonce,
    #[credential(service = "mail", scope = "send", ttl = "1m")] mail: Nonce,
) -> Result<String, ToolError> {
    Ok(format!("{} {}", stripe.service(), mail.service()))
}
