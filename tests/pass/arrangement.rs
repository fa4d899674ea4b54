//! Where a tool stands: in a module, in a function, public or not, async or not.

use agentcred::{Nonce, Tool, ToolError, Toolbox, credentialed_tool, toolbox};
use serde_json::json;

use crate::stage::{call, call_in, nothing};

pub(crate) mod tools {
    //! Tools in a module of their own.

    use agentcred::{Nonce, ToolError, credentialed_tool};

    /// Seen in the crate.
    #[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
    pub(crate) async fn seen_in_the_crate(stripe: Nonce) -> Result<String, ToolError> {
        Ok(stripe.service().to_owned())
    }

    /// Seen above.
    #[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
    pub(super) fn seen_above(stripe: Nonce) -> Result<String, ToolError> {
        Ok(stripe.service().to_owned())
    }
}

/// Block.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
fn block(stripe: Nonce) -> Result<bool, ToolError> {
    drop(stripe);
    let name = std::thread::current().name().map(str::to_owned);
    Ok(name.is_some_and(|name| name.contains("tokio")))
}

#[tokio::test]
async fn a_tool_follows_its_functions_visibility() {
    let toolbox = || toolbox![tools::SeenInTheCrate, tools::SeenAbove];
    for name in ["seen_in_the_crate", "seen_above"] {
        assert_eq!(call_in(toolbox(), name, nothing()).await.unwrap(), json!("stripe"));
    }
}

#[tokio::test]
async fn a_tool_stands_in_a_function_too() {
    /// Find inside.
    #[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
    async fn find_inside(id: u8, stripe: Nonce) -> Result<u8, ToolError> {
        drop(stripe);
        Ok(id)
    }
    assert_eq!(call(FindInside, json!({"id": 3})).await.unwrap(), json!(3));
}

#[tokio::test]
async fn a_sync_function_runs_on_a_thread_that_may_block() {
    assert_eq!(call(Block, nothing()).await.unwrap(), json!(true));
}

#[test]
fn the_struct_is_a_plain_value() {
    let tool = Block;
    let copies = [tool, tool];
    assert_eq!(format!("{copies:?}"), "[Block, Block]");
    let _: Toolbox = toolbox![];
    assert_eq!(tool.definition().name, "block");
}
