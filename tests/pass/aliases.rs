//! What is injected is known by its type, whatever it is called.

use agentcred::{ToolError, credentialed_tool};
use serde_json::{Value, json};

use crate::stage::{argument_names, call_in};
use agentcred::Toolbox;

mod prelude {
    pub(crate) use agentcred::{CallContext as Here, Nonce as Token, State as Shared};
    pub(crate) type Pool = Shared<Vec<u8>>;
    pub(crate) type Mail = Token;
    pub(crate) type Outcome<T> = std::result::Result<T, agentcred::ToolError>;
}

use prelude::{Here, Mail, Outcome, Pool, Token as Args};

/// The name of a type that the model fills in.
type Nonce = String;

/// Take everything by another name.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn alias_all(
    nonce: Nonce,
    here: Here,
    pool: Pool,
    stripe: Args,
    #[credential(service = "mail", scope = "send", ttl = "1m")] mail: Mail,
) -> Outcome<Value> {
    Ok(json!([
        nonce,
        here.call_id().as_str().is_empty(),
        pool.len(),
        stripe.service(),
        mail.service()
    ]))
}

type Plain<T> = Result<T, ToolError>;

/// Take a path instead of an import.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn by_path(stripe: ::agentcred::Nonce) -> Plain<bool> {
    Ok(stripe.scope() == "read:customers")
}

#[tokio::test]
async fn an_alias_is_what_it_stands_for() {
    assert_eq!(argument_names(&AliasAll), ["nonce"]);
    let toolbox = Toolbox::new().with(AliasAll).with(ByPath).state(vec![1_u8, 2]);
    let answer = call_in(toolbox, "alias_all", json!({"nonce": "text"})).await.unwrap();
    assert_eq!(answer, json!(["text", false, 2, "stripe", "mail"]));
}

#[tokio::test]
async fn a_path_is_as_good_as_an_import() {
    assert_eq!(crate::stage::call(ByPath, json!({})).await.unwrap(), json!(true));
}
