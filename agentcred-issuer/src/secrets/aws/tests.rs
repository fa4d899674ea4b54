//! The suite against moto, each login, and a server that is down or answers with malice.

mod hostile;
mod logins;
#[path = "../../../tests/stores/moto.rs"]
mod moto;

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::secrets::client::Client;
use crate::secrets::suite::{self, Shelf};
use crate::secrets::{SecretError, SecretRef, SecretStore};
use moto::Moto;

const KEY: &str = "key = \"file:id\"";
const ID: &str = "AKIAEXAMPLE:the-key-canary";

/// A client with a login and what that one reads from the file `id`.
fn client_at(address: &str, login: &str, id: &str) -> Client {
    let aws = "[secrets.aws]\nregion = \"eu-central-1\"";
    Client::new(&format!("{aws}\nendpoint = \"{address}\"\ntimeout = \"1s\"\n{login}"), id)
}

struct Account {
    moto: Moto,
    client: Client,
}

impl Shelf for Account {
    fn store(&self) -> Arc<dyn SecretStore> {
        Arc::clone(&self.client.stores) as _
    }

    fn reference(&self, name: &str) -> SecretRef {
        SecretRef::read(&format!("aws-secretsmanager:suite/{name}"), Path::new("")).unwrap()
    }

    async fn put(&self, name: &str, text: &str) {
        self.moto.put(&format!("suite/{name}"), text).await;
    }

    async fn remove(&self, name: &str) {
        self.moto.remove(&format!("suite/{name}")).await;
    }
}

#[tokio::test]
#[ignore = "needs moto"]
async fn it_passes_the_suite() {
    let moto = Moto::start().await;
    let client = client_at(moto.address(), KEY, ID);
    suite::run(&Account { moto, client }).await;
}

#[tokio::test]
#[ignore = "needs moto"]
async fn a_field_of_an_object_is_read_and_versions_are_known() {
    let moto = Moto::start().await;
    let client = client_at(moto.address(), KEY, ID);
    let reference = "aws-secretsmanager:prod/stripe#api_key";
    for text in ["sk_live_1", "sk_live_\"2", "sk_live_3"] {
        let object = json!({ "api_key": text, "other": 7 }).to_string();
        let version = moto.put("prod/stripe", &object).await;
        assert_eq!(client.fetch(reference).await.unwrap(), text);
        assert_eq!(client.secret(reference).await.unwrap().version(), Some(&*version));
    }
    for (field, says) in [("none", "is not set"), ("other", "is no text")] {
        let reference = format!("aws-secretsmanager:prod/stripe#{field}");
        let error = client.fetch(&reference).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{reference} {says}"));
    }
    moto.put("prod/stripe", "sk_live_canary").await;
    let plain = client.fetch(reference).await.unwrap_err();
    assert!(plain.to_string().contains("no JSON object"), "{plain}");
    assert!(!format!("{plain:?}").contains("canary"), "{plain:?}");
    moto.mark("prod/stripe").await;
    let marked = client.fetch(reference).await.unwrap_err();
    assert!(matches!(marked, SecretError::Missing { .. }), "{marked}");
}
