//! Names around the tool that mean something else than usual.

#![allow(dead_code, unused_macros, non_camel_case_types, non_upper_case_globals)]

use serde_json::{Value, json};

use crate::stage::call;

mod core {}
mod std {}
mod alloc {}
mod serde {}
mod schemars {}
mod agentcred {}
mod __private {}

type Result<T> = ::std::result::Result<T, ::agentcred::ToolError>;
struct Option;
struct Box;
struct String;
struct Tool;
struct Arguments;
struct Invocation;
struct Parameter;
struct Duration;
const Some: u8 = 1;
const Ok: u8 = 2;
const draft: u8 = 3;
const definition: u8 = 4;

trait Everything: Sized {
    fn declare(&self) {}
    fn prepare(&self) {}
    fn finish(self) {}
    fn default(self) -> Self {
        self
    }
    fn describe(self, _: &str) -> Self {
        self
    }
    fn conform_to(self, _: &str) {}
    fn clone(&self) {}
}

impl<T> Everything for T {}

macro_rules! concat {
    ($($all:tt)*) => {
        compile_error!("the author's own macro")
    };
}

macro_rules! unimplemented {
    ($($all:tt)*) => {
        compile_error!("the author's own macro")
    };
}

/// Find.
#[doc = include_str!("../../LICENSE-MIT")]
#[::agentcred::credentialed_tool(
    service = "stripe",
    scope = "read:customers",
    ttl = "5m",
    title = "Find",
    read_only
)]
async fn find(
    find: u8,
    #[tool(default = 5, description = "Same as ours.")] arguments: u8,
    injection: u8,
    parameter: u8,
    krate: u8,
    stripe: ::agentcred::Nonce,
) -> Result<Value> {
    drop(stripe);
    ::std::result::Result::Ok(json!([find, arguments, injection, parameter, krate]))
}

/// Find and block.
#[::agentcred::credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
fn block(block: u8, stripe: ::agentcred::Nonce) -> Result<u8> {
    drop(stripe);
    ::std::result::Result::Ok(block)
}

#[tokio::test]
async fn names_of_the_authors_own_do_not_reach_the_expansion() {
    let arguments = json!({"find": 1, "injection": 3, "parameter": 4, "krate": 6});
    assert_eq!(call(Find, arguments).await.unwrap(), json!([1, 5, 3, 4, 6]));
    assert_eq!(call(Block, json!({"block": 9})).await.unwrap(), json!(9));
}
