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
        "[user_issuers.corp]\nissuer = \"i\"\naudience = \"a\"",
        "user_issuers.corp",
        "needs a `jwks_file` or a `jwks_url`",
    ),
    (
        "[user_issuers.corp]\nissuer = \"i\"\naudience = \"a\"\njwks_file = \"f\"\njwks_url = \"u\"",
        "user_issuers.corp.jwks_url",
        "is one too many",
    ),
    (
        "[user_issuers.corp]\nissuer = \"i\"\naudience = \"a\"\njwks_url = \"http://login.example/k\"",
        "user_issuers.corp.jwks_url",
        "must be https",
    ),
    (
        "[user_issuers.corp]\nissuer = \"i\"\naudience = \"a\"\njwks_url = \"http://127.0.0.1/k\"",
        "user_issuers.corp.jwks_url",
        "is not a public address",
    ),
    (
        "[user_issuers.corp]\nissuer = \"i\"\naudience = \"a\"\njwks_url = \"https://u:p@h/k\"",
        "user_issuers.corp.jwks_url",
        "user name or password",
    ),
    (
        "[user_issuers.corp]\nissuer = \"i\"\naudience = \"a\"\njwks_file = \"f\"\nca_file = \"c\"",
        "user_issuers.corp.ca_file",
        "is of no use without",
    ),
    (
        "[assertion_issuers.mesh]\naudience = \"a\"\njwks_file = \"f\"",
        "assertion_issuers.mesh",
        "needs an `issuer`",
    ),
    (
        "[assertion_issuers.mesh]\ntrust_domain = \"spiffe://d\"\naudience = \"a\"\njwks_file = \"f\"",
        "assertion_issuers.mesh.trust_domain",
        "must be a SPIFFE trust domain",
    ),
    (
        "[assertion_issuers.mesh]\ntrust_domain = \"d\"\naudience = \"\"\njwks_file = \"f\"",
        "assertion_issuers.mesh.audience",
        "a token for anybody",
    ),
    (
        "[assertion_issuers.mesh]\ntrust_domain = \"d\"\naudience = \"a\"\njwks_file = \"f\"",
        "assertion_issuers.mesh.jwks_file",
        "cannot be read",
    ),
    ("[agents.a]\nallow = []", "agents.a.keys", "is empty"),
    ("[agents.a]\nsecret = \"env:A\"", "agents.a.secret", "is for development alone"),
    ("[agents.a]\nsecret = \"canary\"", "agents.a.secret", "must say where"),
    ("[agents.a]\nsubjects = [\"canary\"]", "agents.a.subjects[0]", "an issuer's name, a colon"),
    ("[agents.a]\nsubjects = [\"mesh:canary\"]", "agents.a.subjects[0]", "is of no issuer"),
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
fn a_workload_is_one_agent_and_named_in_full() {
    let folder = folder();
    let keys = std::fs::read_to_string(folder.path().join("billing.jwk")).unwrap();
    std::fs::write(folder.path().join("mesh.jwks"), format!("{{\"keys\":[{keys}]}}")).unwrap();
    let mesh = "[assertion_issuers.mesh]\ntrust_domain = \"d\"\naudience = \"a\"\n\
                jwks_file = \"mesh.jwks\"\n";
    let with = |agents: &str| parse(&format!("{SOUND}\n{mesh}{agents}"), folder.path());
    assert!(with("[agents.a]\nsubjects = [\"mesh:spiffe://d/a\"]").is_ok());
    for (agents, says) in [
        ("[agents.a]\nsubjects = [\"mesh:spiffe://d/*\"]", "can be no subject of mesh"),
        ("[agents.a]\nsubjects = [\"mesh:spiffe://e/a\"]", "can be no subject of mesh"),
        ("[agents.a]\nsubjects = [\"mesh:spiffe://d/a\", \"mesh:spiffe://d/a\"]", "is a already"),
        (
            "[agents.a]\nsubjects = [\"mesh:spiffe://d/a\"]\n\
             [agents.b]\nsubjects = [\"mesh:spiffe://d/a\"]",
            "agents.b.subjects[0] is a already",
        ),
        (
            "[assertion_issuers.other]\ntrust_domain = \"d\"\naudience = \"a\"\njwks_file = \"mesh.jwks\"",
            "is the same as mesh",
        ),
    ] {
        let refused = with(agents).map(drop).unwrap_err().to_string();
        assert!(refused.contains(says), "{agents}: {refused}");
    }
}

#[test]
fn development_is_for_one_machine_and_warned_of() {
    let folder = folder();
    let with = |issuer: &str| {
        let text = SOUND
            .replace("https://vault.example", issuer)
            .replace("[server]", "[server]\ndevelopment = true");
        parse(&format!("{text}\n[agents.a]\nsecret = \"env:A\""), folder.path())
    };
    let config = with("http://127.0.0.1:8420").unwrap();
    let warned = config.warnings().iter().find(|it| it.key == "server.development").unwrap();
    assert_eq!(warned.line, Some(5));
    let refused = with("https://vault.example").unwrap_err().to_string();
    assert!(refused.contains("server.development is for one machine alone"), "{refused}");
}

#[test]
fn proofs_without_server_nonces_are_allowed_with_a_warning() {
    let folder = folder();
    let text = format!("{SOUND}\n[proofs]\nserver_nonce = \"off\"");
    assert_eq!(parse(&text, folder.path()).unwrap().warnings()[0].key, "proofs.server_nonce");
}
