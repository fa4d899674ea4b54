//! Tools that a `macro_rules!` macro writes.

use agentcred::{Nonce, ToolError, credentialed_tool};
use serde_json::json;

use crate::stage::call;

macro_rules! finder {
    ($(#[$doc:meta])* $name:ident, $service:literal, $ttl:literal, $uses:literal, $id:ident: $ty:ty = $default:expr) => {
        $(#[$doc])*
        #[credentialed_tool(service = $service, scope = "read", ttl = $ttl, uses = $uses)]
        async fn $name(#[tool(default = $default)] $id: $ty, nonce: Nonce) -> Result<($ty, u32), ToolError> {
            Ok(($id, nonce.uses()))
        }
    };
}

finder! {
    /// Find in one place.
    find_here, "stripe", "5m", 2, id: u8 = 1 + 2
}

finder! {
    /// Find in another.
    find_there, "mail", "1m", 3, name: Option<String> = None
}

#[tokio::test]
async fn a_macro_can_write_tools() {
    assert_eq!(call(FindHere, json!({})).await.unwrap(), json!([3, 2]));
    assert_eq!(call(FindThere, json!({"name": "ada"})).await.unwrap(), json!(["ada", 3]));
}
