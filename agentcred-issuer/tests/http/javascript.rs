//! A client library of others, in another language, drives an issuer's own process from metadata to
//! revocation.
//!
//! `openid-client` reads the metadata, signs assertions and proofs, keeps the server nonce and sends
//! again when it is asked for one, all by itself; `javascript/client.mjs` says what is wanted.

use std::path::{Path, PathBuf};
use std::process::Command;

use agentcred_protocol::key::SigningKey;
use serde_json::{Value, json};

use crate::process::Issuer;
use crate::stage::{policy, write_private};
use crate::upstream::{Upstream, json as answer};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node.js and openid-client"]
async fn openid_client_drives_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::answering(answer(r#"{"data":[]}"#)).await;
    write_private(&folder.path().join("stripe.key"), "sk_live_9fQ2xVb7LmT4wRk8ZsYc3HdE");
    for name in ["billing", "other", "gate"] {
        pair(folder.path(), name);
    }
    let policy =
        policy(&upstream).replace(r#"server_nonce = "off""#, r#"server_nonce = "required""#);
    let gate = "[resource_servers.gate]\nkeys = [\"gate.jwk\"]\nservices = [\"ledger\"]\n";
    std::fs::write(folder.path().join("issuer.toml"), format!("{policy}\n{gate}")).unwrap();
    let issuer = Issuer::start(folder.path());
    let said = drive(folder.path(), &issuer.url);

    let metadata = &said["metadata"];
    assert_eq!(metadata["issuer"], issuer.url);
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], json!(["private_key_jwt"]));
    assert_eq!(said["grant"]["token_type"], "dpop");
    // The first proof comes without one, and every later one has the latest.
    assert_eq!(said["server_nonces_asked_for"], 1);
    let nonce = &said["nonce"];
    assert_eq!(nonce["access_token"], "acn_");
    assert_eq!((&nonce["scope"], &nonce["expires_in"]), (&json!("read:customers"), &json!(60)));
    assert_eq!(nonce["authorization_details"][0]["tool_call_id"], "call_1");
    assert_eq!(said["too_much"], "invalid_scope");
    assert_eq!(said["brokered"], json!({ "status": 200, "body": { "data": [] } }));
    assert_eq!(said["used_again"], "invalid_token");
    let introspected = json!({ "active": true, "scope": "read:entries", "cnf": "string" });
    assert_eq!(said["introspected"], introspected);
    assert_eq!(said["after_revocation"], json!({ "active": false }));
    assert_eq!(said["not_a_gate"], "invalid_client");
    assert_eq!(said["after_the_task"], "invalid_grant");
    // Signatures by Ed25519 are taken as EdDSA, which the metadata says; the newer name is unknown.
    assert_eq!(metadata["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));
    assert_eq!(said["ed25519"], "invalid_dpop_proof");

    let arrived = upstream.arrived();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].line(), "GET /v1/customers");
    assert_eq!(arrived[0].header("authorization"), ["Bearer sk_live_9fQ2xVb7LmT4wRk8ZsYc3HdE"]);
}

/// A key pair: the public half where the configuration looks for it, the private one beside it.
fn pair(folder: &Path, name: &str) {
    let (key, private) = SigningKey::generate().unwrap();
    write_private(&folder.join(format!("{name}.private.jwk")), &private);
    let public = serde_json::to_string(key.public()).unwrap();
    std::fs::write(folder.join(format!("{name}.jwk")), public).unwrap();
}

/// Runs the script where `scripts/services up` has put the library, and gives what it printed.
fn drive(keys: &Path, issuer: &str) -> Value {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let library = here.join("../target/javascript");
    assert!(
        library.join("node_modules/openid-client").is_dir(),
        "openid-client is not installed; run `scripts/services up`"
    );
    std::fs::copy(here.join("tests/http/javascript/client.mjs"), library.join("client.mjs"))
        .unwrap();
    let ran = Command::new("node")
        .arg("client.mjs")
        .current_dir(library)
        .env("ISSUER", issuer)
        .env("AGENT_KEY", keys.join("billing.private.jwk"))
        .env("GATE_KEY", keys.join("gate.private.jwk"))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}
