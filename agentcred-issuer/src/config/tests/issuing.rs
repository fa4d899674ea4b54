//! Tests of what the issuing side of a configuration must not say.

use super::{SOUND, folder, parse};

/// What is added to the sound file, the key that the finding names, and a part of what it says.
const REFUSED: &[(&str, &str, &str)] = &[
    ("[proofs]\nserver_nonce = \"optional\"", "proofs.server_nonce", "must be"),
    ("[proofs]\nserver_nonce_key = \"canary\"", "proofs.server_nonce_key", "must say where"),
    (
        "[proofs]\nserver_nonce = \"off\"\nserver_nonce_key = \"env:K\"",
        "proofs.server_nonce_key",
        "has no use",
    ),
    (
        "[resource_servers.gate]\nkeys = [\"billing.jwk\"]\nservices = [\"github\"]",
        "resource_servers.gate.services[0]",
        "names no service",
    ),
    (
        "[resource_servers.gate]\nkeys = []\nservices = [\"stripe\"]",
        "resource_servers.gate.keys",
        "is empty",
    ),
    (
        "[resource_servers.gate]\nkeys = [\"billing.jwk\"]\nservices = []",
        "resource_servers.gate.services",
        "is empty",
    ),
    (
        "[user_issuers.corp]\nissuer = \"\"\naudience = \"a\"\njwks_file = \"corp.jwks\"",
        "user_issuers.corp.issuer",
        "say what `iss` is",
    ),
    (
        "[user_issuers.corp]\nissuer = \"i\"\naudience = \"\"\njwks_file = \"corp.jwks\"",
        "user_issuers.corp.audience",
        "a token for anybody",
    ),
    (
        "[user_issuers.corp]\nissuer = \"i\"\naudience = \"a\"\njwks_file = \"corp.jwks\"",
        "user_issuers.corp.jwks_file",
        "cannot be read",
    ),
    (
        "[user_issuers.Corp]\nissuer = \"i\"\naudience = \"a\"\njwks_file = \"corp.jwks\"",
        "user_issuers.Corp",
        "must be called by",
    ),
];

#[test]
fn each_wrong_addition_is_refused_by_its_key() {
    let folder = folder();
    assert!(parse(SOUND, folder.path()).is_ok());
    for (added, key, says) in REFUSED {
        let refused = parse(&format!("{SOUND}\n{added}"), folder.path());
        let refused = refused.map(|_| ()).expect_err(&format!("{added} was taken"));
        let found =
            refused.findings().iter().find(|it| it.key == *key && it.message.contains(says));
        assert!(found.is_some(), "{added}: {refused}");
        assert!(!refused.to_string().contains("canary"), "{added}: {refused}");
    }
}

#[test]
fn proofs_without_server_nonces_are_allowed_with_a_warning() {
    let folder = folder();
    let text = format!("{SOUND}\n[proofs]\nserver_nonce = \"off\"");
    assert_eq!(parse(&text, folder.path()).unwrap().warnings()[0].key, "proofs.server_nonce");
}
