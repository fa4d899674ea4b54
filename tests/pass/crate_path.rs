//! `crate = path`, where `agentcred` is reached by another name.

use serde_json::json;

use crate::stage::call;

mod vendored {
    pub(crate) mod sdk {
        pub(crate) use agentcred as credentials;
    }
}

/// Find through a module.
#[vendored::sdk::credentials::credentialed_tool(
    service = "stripe",
    scope = "read:customers",
    ttl = "5m",
    crate = crate::crate_path::vendored::sdk::credentials,
)]
async fn find(
    #[tool(default = 3)] id: u8,
    stripe: vendored::sdk::credentials::Nonce,
) -> Result<u8, vendored::sdk::credentials::ToolError> {
    drop(stripe);
    Ok(id)
}

#[tokio::test]
async fn a_path_within_the_crate_leads_to_agentcred() {
    assert_eq!(call(Find, json!({})).await.unwrap(), json!(3));
}
