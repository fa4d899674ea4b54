//! What every secret store must do, wherever it has its secrets from.

use std::sync::Arc;

use super::{SecretError, SecretRef, SecretStore, UnusableSecret};

/// A store, and the other side of it, where a test puts secrets.
pub(crate) trait Shelf {
    fn store(&self) -> Arc<dyn SecretStore>;

    /// Where a secret of this name is.
    fn reference(&self, name: &str) -> SecretRef;

    async fn put(&self, name: &str, text: &str);

    async fn remove(&self, name: &str);
}

/// Runs every check on one shelf.
pub(crate) async fn run(shelf: &impl Shelf) {
    what_was_put_there_is_fetched(shelf).await;
    a_change_is_seen_at_once(shelf).await;
    what_is_not_there_is_named(shelf).await;
    what_cannot_be_a_key_is_refused_and_not_repeated(shelf).await;
    many_may_ask_at_once(shelf).await;
}

async fn fetched(shelf: &impl Shelf, name: &str) -> Result<String, SecretError> {
    let secret = shelf.store().fetch(&shelf.reference(name)).await?;
    Ok(secret.header_value("", "").unwrap().to_str().unwrap().to_owned())
}

async fn what_was_put_there_is_fetched(shelf: &impl Shelf) {
    let odd = r#"sk_live_"quoted"\and{braced}#/:"#;
    for (name, text) in [("ONE", "sk_live_one"), ("TWO", odd), ("THREE", &"k".repeat(4096))] {
        shelf.put(name, text).await;
        assert_eq!(fetched(shelf, name).await.unwrap(), text);
    }
    assert_eq!(fetched(shelf, "ONE").await.unwrap(), "sk_live_one");
    // Editors and `echo` leave a newline.
    shelf.put("ONE", "sk_live_one\n").await;
    assert_eq!(fetched(shelf, "ONE").await.unwrap(), "sk_live_one");
}

async fn a_change_is_seen_at_once(shelf: &impl Shelf) {
    for text in ["sk_live_1", "sk_live_2", "sk_live_3"] {
        shelf.put("CHANGED", text).await;
        assert_eq!(fetched(shelf, "CHANGED").await.unwrap(), text);
    }
}

async fn what_is_not_there_is_named(shelf: &impl Shelf) {
    let missing = async |name: &str| {
        let error = fetched(shelf, name).await.unwrap_err();
        assert!(matches!(error, SecretError::Missing { .. }), "{error}");
        assert_eq!(error.to_string(), format!("{} is not set", shelf.reference(name)));
    };
    missing("NEVER_SET").await;
    shelf.put("REMOVED", "sk_live_1").await;
    shelf.remove("REMOVED").await;
    missing("REMOVED").await;
}

async fn what_cannot_be_a_key_is_refused_and_not_repeated(shelf: &impl Shelf) {
    for (text, why) in [
        ("canary", UnusableSecret::TooShort),
        ("canary with a space", UnusableSecret::NotPrintable),
        ("canary\r\nx-header: value", UnusableSecret::NotPrintable),
        ("canary_of_ümlauts", UnusableSecret::NotPrintable),
        (&"canary".repeat(700), UnusableSecret::TooLong),
    ] {
        shelf.put("UNUSABLE", text).await;
        let error = fetched(shelf, "UNUSABLE").await.unwrap_err();
        let SecretError::Unusable { cause, .. } = &error else { panic!("{error}") };
        assert_eq!(*cause, why);
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}

async fn many_may_ask_at_once(shelf: &impl Shelf) {
    shelf.put("MANY", "sk_live_many").await;
    let asking = (0..64).map(|_| fetched(shelf, "MANY"));
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer.unwrap(), "sk_live_many");
    }
    assert!(!format!("{:?}", shelf.store()).contains("sk_live"));
}
