//! A user's crate that has `agentcred` under another name and the strictest lints.
//!
//! It is built and linted with the workspace: that it passes is the test.

#![deny(warnings, missing_docs, clippy::all, clippy::pedantic, clippy::nursery, unused)]
#![deny(missing_debug_implementations, missing_copy_implementations, unreachable_pub)]
#![deny(rust_2018_idioms, rust_2024_compatibility, nonstandard_style, future_incompatible)]
#![deny(single_use_lifetimes, trivial_casts, unused_qualifications, unused_results)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unimplemented)]
#![deny(clippy::absolute_paths, clippy::shadow_reuse, clippy::shadow_same)]
#![forbid(unsafe_code)]

use cred::schemars::JsonSchema;
use cred::{CallContext, Nonce, State, ToolError, credentialed_tool};
use serde::{Deserialize, Serialize};

/// A customer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Customer {
    /// The id.
    pub id: String,
}

/// Find customers.
///
/// # Errors
/// When the service refuses.
#[credentialed_tool(
    service = "stripe",
    scope = "read:customers",
    ttl = "5m",
    uses = 2,
    title = "Find customers",
    read_only,
    destructive = false,
    idempotent,
    open_world,
    crate = cred,
)]
pub async fn find_customers(
    /// The e-mail address.
    email: String,
    #[tool(default = 10, description = "At most.")] limit: u32,
    #[tool(default = Some(false))] deleted: Option<bool>,
    call: CallContext,
    pool: State<Vec<u8>>,
    stripe: Nonce,
    #[credential(service = "mail", scope = "send", ttl = "1m")] mail: Nonce,
) -> Result<Vec<Customer>, ToolError> {
    let path = format!("/v1/{email}/{limit}/{deleted:?}/{}/{}", call.call_id(), pool.len());
    let _answer = mail.get("/v1/box").send().await?;
    Ok(stripe.get(path).send().await?.json()?)
}

/// Find customers, and wait for them.
///
/// # Errors
/// Never.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", crate = ::cred)]
pub fn find_and_wait(#[tool(args)] customer: Customer, stripe: Nonce) -> Result<String, ToolError> {
    let service = stripe.service();
    Ok(format!("{} {service}", customer.id))
}

pub mod without_prelude {
    //! Nothing is in scope here but what is imported.
    #![no_implicit_prelude]

    use ::cred::{Nonce, ToolError, credentialed_tool};
    use ::std::result::Result::{self, Ok};

    /// Find.
    ///
    /// # Errors
    /// Never.
    #[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m", crate = ::cred)]
    pub fn find(#[tool(default = 3)] id: u8, stripe: Nonce) -> Result<u8, ToolError> {
        let _service = stripe.service();
        Ok(id)
    }
}
