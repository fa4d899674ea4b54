//! What a nonce is not: text, a value to copy, a value to compare.

use std::time::Duration;

use agentcred_runtime::{EgressResponse, MemoryIssuer, Nonce, Toolbox, testing};
use http::StatusCode;

/// Does not compile when the type implements one of the traits: there would be two ways to read
/// the last line.
macro_rules! implements_none {
    ($type:ty: $($trait:path),* $(,)?) => {
        $(const _: fn() = || {
            trait Either<A> {
                fn item() {}
            }
            struct Implements;
            impl<T: ?Sized> Either<()> for T {}
            impl<T: ?Sized + $trait> Either<Implements> for T {}
            let _ = <$type as Either<_>>::item;
        };)*
    };
}

implements_none!(Nonce:
    Clone, Copy, Default, PartialEq, PartialOrd, std::hash::Hash, std::fmt::Display, AsRef<str>,
    AsRef<[u8]>, std::ops::Deref, std::borrow::Borrow<str>, Into<String>, serde::Serialize,
    serde::de::DeserializeOwned, schemars::JsonSchema,
);

// Leak channels 21, 22, 23, 38.
#[tokio::test]
async fn a_nonce_is_a_handle_and_nothing_else() {
    let issuer =
        MemoryIssuer::new(|_| EgressResponse::new(StatusCode::OK, "{}")).grant("crm", "read");
    let task = testing::task(Toolbox::new(), &issuer).await.unwrap();
    let nonce = task.nonce("crm", "read", Duration::from_mins(1)).await.unwrap();
    let answer = nonce.get("/v1/it").send().await.unwrap();
    let shown = format!("{nonce:?} {answer:?}");
    assert!(shown.starts_with("Nonce { service: \"crm\""), "{shown}");
    assert!(!shown.contains("acn_"), "{shown}");
}
