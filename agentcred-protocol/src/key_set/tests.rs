//! Key sets: which are taken, and which of their keys are used.

use super::*;
use crate::key::SigningKey;
use serde_json::{Value, json};

fn read(keys: &Value) -> Result<KeySet, KeySetError> {
    KeySet::read(&json!({ "keys": keys }).to_string())
}

fn public(more: &[(&str, &str)]) -> Value {
    let mut jwk = json!(SigningKey::ephemeral().unwrap().public());
    for (name, value) in more {
        jwk[*name] = json!(value);
    }
    jwk
}

#[test]
fn a_key_set_that_should_not_be_there_is_refused() {
    let (_, private) = SigningKey::generate().unwrap();
    let private: Value = serde_json::from_str(&private).unwrap();
    assert_eq!(read(&json!([private])).unwrap_err(), KeySetError::Private);
    let shared = json!([{ "kty": "oct", "k": "c2VjcmV0" }]);
    assert_eq!(read(&shared).unwrap_err(), KeySetError::Private);
    assert_eq!(read(&json!([])).unwrap_err(), KeySetError::NoKeys);
    assert_eq!(read(&json!([{ "kty": "unheard of" }])).unwrap_err(), KeySetError::NoKeys);
    assert_eq!(KeySet::read("{}").unwrap_err(), KeySetError::Malformed);
    assert_eq!(read(&json!(vec![public(&[]); 33])).unwrap_err(), KeySetError::TooMany);
}

#[test]
fn keys_for_something_else_are_left_out() {
    for (purpose, is_taken) in
        [("sig", true), ("jwt-svid", true), ("enc", false), ("x509-svid", false)]
    {
        assert_eq!(read(&json!([public(&[("use", purpose)])])).is_ok(), is_taken, "{purpose}");
    }
}

#[test]
fn a_key_is_known_by_its_name_and_one_without_a_name_may_be_any() {
    let named = read(&json!([public(&[("kid", "one")])])).unwrap();
    let header = |header: &Value| {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header.to_string()))
    };
    assert!(named.has_key_of(&header(&json!({ "alg": "ES256", "kid": "one" }))));
    assert!(!named.has_key_of(&header(&json!({ "alg": "ES256", "kid": "two" }))));
    assert!(named.has_key_of(&header(&json!({ "alg": "ES256" }))));
    assert!(named.has_key_of("no token"));
    let mut nameless = public(&[]);
    nameless.as_object_mut().unwrap().remove("kid");
    let nameless = read(&json!([nameless])).unwrap();
    assert!(nameless.has_key_of(&header(&json!({ "alg": "ES256", "kid": "two" }))));
}
