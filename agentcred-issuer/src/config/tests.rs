//! Tests of the configuration: one sound file, and what becomes of it when one thing is wrong.

use std::path::Path;

use agentcred_protocol::key::SigningKey;
use tempfile::TempDir;

use super::*;

mod bounds;
mod issuing;
mod secrets;

const SOUND: &str = r#"
issuer = "https://vault.example"

[server]
listen = "127.0.0.1:0"

[audit]
file = "audit.jsonl"

[agents.billing]
keys = ["billing.jwk"]
allow = [{ service = "stripe", scopes = ["read:customers"], max_ttl = "5m", max_uses = 10 }]

[services.stripe]
origin = "http://127.0.0.1:9000"
secret = "file:stripe.key"
inject = { header = "authorization", format = "Bearer {secret}" }
allow_networks = ["127.0.0.0/8"]
request_headers = ["stripe-version"]
response_headers = ["link"]

[[services.stripe.scopes."read:customers"]]
method = "GET"
path = "/v1/customers/{id}"
query = ["limit"]
"#;

/// A change to the sound file that makes it one that must not start: what is replaced by what,
/// the key that the finding names, and a part of what it says.
type Change = (&'static str, &'static str, &'static str, &'static str);

const REFUSED: &[Change] = &[
    // The file itself.
    ("[audit]", "[audit", "", "unclosed table"),
    ("listen =", "lisen =", "", "unknown field `lisen`"),
    ("[audit]\nfile = \"audit.jsonl\"", "", "", "missing field `audit`"),
    ("max_uses = 10", "max_uses = -1", "", "invalid value"),
    ("file = \"audit.jsonl\"", "file = \"\"", "audit.file", "must name a file"),
    // Where it listens and what it is called.
    ("127.0.0.1:0", "0.0.0.0:8420", "server.listen", "loopback"),
    ("127.0.0.1:0", "192.168.1.4:8420", "server.listen", "loopback"),
    ("127.0.0.1:0", "localhost", "server.listen", "address and a port"),
    ("https://vault.example", "http://vault.example", "issuer", "must be https"),
    ("https://vault.example", "https://vault.example/a", "issuer", "scheme, host and port only"),
    ("https://vault.example", "vault", "issuer", "must be a URL"),
    // Agents.
    ("[agents.billing]", "[agents.\"bil ling\"]", "agents.\"bil ling\"", "is no agent"),
    ("billing.jwk", "none.jwk", "agents.billing.keys[0]", "cannot be read"),
    ("billing.jwk", "private.jwk", "agents.billing.keys[0]", "private key"),
    ("billing.jwk", "garbage.jwk", "agents.billing.keys[0]", "not a P-256 or Ed25519 key"),
    ("[\"billing.jwk\"]", "[]", "agents.billing.keys", "is empty"),
    (
        "[\"billing.jwk\"]",
        "[\"billing.jwk\", \"billing.jwk\"]",
        "agents.billing.keys[1]",
        "has already",
    ),
    (
        "[services.stripe]",
        "[agents.other]\nkeys = [\"billing.jwk\"]\n[services.stripe]",
        "agents.other.keys[0]",
        "billing has already",
    ),
    // What they are granted.
    (
        "service = \"stripe\"",
        "service = \"github\"",
        "agents.billing.allow[0].service",
        "names no service of stripe",
    ),
    (
        "[\"read:customers\"], ",
        "[\"read:invoices\"], ",
        "agents.billing.allow[0].scopes[0]",
        "names no scope of stripe: read:customers",
    ),
    ("[\"read:customers\"], ", "[\"*\"], ", "agents.billing.allow[0].scopes[0]", "names no scope"),
    (
        "[\"read:customers\"], ",
        "[\"read:customers\", \"read:customers\"], ",
        "agents.billing.allow[0].scopes[1]",
        "granted twice",
    ),
    ("\"5m\"", "\"2h\"", "agents.billing.allow[0].max_ttl", "ttl must be"),
    ("\"5m\"", "\"0s\"", "agents.billing.allow[0].max_ttl", "ttl must be"),
    ("\"5m\"", "\"five\"", "agents.billing.allow[0].max_ttl", "ttl must be"),
    ("max_uses = 10", "max_uses = 0", "agents.billing.allow[0].max_uses", "uses must be"),
    (
        "max_uses = 10",
        "approval = \"human\"",
        "agents.billing.allow[0].approval",
        "add [operators]",
    ),
    // Where a service is.
    ("services.stripe", "services.Stripe", "services.Stripe", "is no service"),
    ("http://127.0.0.1:9000", "http://api.stripe.com", "services.stripe.origin", "must be https"),
    (
        "http://127.0.0.1:9000",
        "https://api.stripe.com/v1",
        "services.stripe.origin",
        "must not hold a path",
    ),
    (
        "http://127.0.0.1:9000",
        "https://a:b@api.stripe.com",
        "services.stripe.origin",
        "user name or password",
    ),
    (
        "http://127.0.0.1:9000",
        "https://api.stripe.com?a=b",
        "services.stripe.origin",
        "query or fragment",
    ),
    (
        "http://127.0.0.1:9000",
        "https://api.stripe.com.",
        "services.stripe.origin",
        "end its host with a dot",
    ),
    (
        "http://127.0.0.1:9000",
        "https://169.254.169.254",
        "services.stripe.origin",
        "is not a public address",
    ),
    (
        "http://127.0.0.1:9000",
        "https://0xa9fea9fe",
        "services.stripe.origin",
        "is not a public address",
    ),
    ("[\"127.0.0.0/8\"]", "[]", "services.stripe.origin", "allow_networks = [\"127.0.0.1/32\"]"),
    (
        "[\"127.0.0.0/8\"]",
        "[\"0.0.0.0/0\"]",
        "services.stripe.allow_networks[0]",
        "allows every address",
    ),
    (
        "[\"127.0.0.0/8\"]",
        "[\"127.0.0.1/8\"]",
        "services.stripe.allow_networks[0]",
        "write 127.0.0.0/8",
    ),
    (
        "[\"127.0.0.0/8\"]",
        "[\"localhost\"]",
        "services.stripe.allow_networks[0]",
        "must be a network",
    ),
    (
        "request_headers",
        "ca_file = \"ca.pem\"\nrequest_headers",
        "services.stripe.ca_file",
        "plain http",
    ),
    // Its key and how that is put in.
    ("file:stripe.key", "sk_live_canary", "services.stripe.secret", "env:NAME, file:PATH"),
    ("file:stripe.key", "env:", "services.stripe.secret", "variable"),
    ("\"file:stripe.key\"", "{ inline = \"sk_live_canary\" }", "", "invalid type"),
    (
        "header = \"authorization\"",
        "header = \"connection\"",
        "services.stripe.inject.header",
        "frames or routes",
    ),
    (
        "header = \"authorization\"",
        "header = \"transfer-encoding\"",
        "services.stripe.inject.header",
        "frames or routes",
    ),
    (
        "header = \"authorization\"",
        "header = \"stripe-version\"",
        "services.stripe.request_headers[0]",
        "which the key goes into",
    ),
    ("Bearer {secret}", "Bearer", "services.stripe.inject.format", "must hold {secret}"),
    // Headers and rules.
    (
        "[\"stripe-version\"]",
        "[\"authorization\"]",
        "services.stripe.request_headers[0]",
        "must not be passed",
    ),
    (
        "[\"stripe-version\"]",
        "[\"X-HTTP-Method-Override\"]",
        "services.stripe.request_headers[0]",
        "must not be passed",
    ),
    ("[\"link\"]", "[\"set-cookie\"]", "services.stripe.response_headers[0]", "must not be passed"),
    (
        "\"read:customers\"]]",
        "\"read customers\"]]",
        "services.stripe.scopes.\"read customers\"",
        "is no scope",
    ),
    (
        "\"GET\"",
        "\"get\"",
        "services.stripe.scopes.\"read:customers\"[0].method",
        "must be one of GET",
    ),
    (
        "\"GET\"",
        "\"*\"",
        "services.stripe.scopes.\"read:customers\"[0].method",
        "must be one of GET",
    ),
    (
        "/v1/customers/{id}",
        "/v1/../{id}",
        "services.stripe.scopes.\"read:customers\"[0].path",
        "empty and dot segments",
    ),
    (
        "/v1/customers/{id}",
        "/v1/*",
        "services.stripe.scopes.\"read:customers\"[0].path",
        "* and % are not taken",
    ),
    (
        "[\"limit\"]",
        "[\"_method\"]",
        "services.stripe.scopes.\"read:customers\"[0].query",
        "_method",
    ),
    // What bodies are limited to.
    (
        "method = \"GET\"",
        "method = \"POST\"\nbody = { _method = {} }",
        "services.stripe.scopes.\"read:customers\"[0].body._method",
        "many servers",
    ),
    (
        "method = \"GET\"",
        "method = \"POST\"\nbody = { \"\" = {} }",
        "services.stripe.scopes.\"read:customers\"[0].body.\"\"",
        "1 to 128",
    ),
    (
        "method = \"GET\"",
        "method = \"POST\"\nbody = { a = { min = 1 } }",
        "services.stripe.scopes.\"read:customers\"[0].body.a",
        "`max` too",
    ),
    (
        "method = \"GET\"",
        "method = \"POST\"\nbody = { a = { min = 2, max = 1 } }",
        "services.stripe.scopes.\"read:customers\"[0].body.a",
        "not above",
    ),
    (
        "method = \"GET\"",
        "method = \"POST\"\nbody = { a = { max = 9007199254740992 } }",
        "services.stripe.scopes.\"read:customers\"[0].body.a",
        "below 2^53",
    ),
    (
        "method = \"GET\"",
        "method = \"POST\"\nbody = { a = { in = [] } }",
        "services.stripe.scopes.\"read:customers\"[0].body.a",
        "name a text",
    ),
    (
        "method = \"GET\"",
        "method = \"POST\"\nbody = { a = { in = [\"b\"], max = 1 } }",
        "services.stripe.scopes.\"read:customers\"[0].body.a",
        "either",
    ),
    (
        "query =",
        "body = {}\nquery =",
        "services.stripe.scopes.\"read:customers\"[0].body",
        "GET has none",
    ),
    (
        "method = \"GET\"",
        "method = \"POST\"\npath = \"/v1/customers/{id}\"\nbody = {}\n\
         [[services.stripe.scopes.\"read:customers\"]]\nmethod = \"POST\"",
        "services.stripe.scopes.\"read:customers\"[1]",
        "lets every body pass",
    ),
];

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (key, private) = SigningKey::generate().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("billing.jwk", &serde_json::to_string(key.public()).unwrap());
    write("private.jwk", &private);
    write("garbage.jwk", "garbage");
    write("ca.pem", "");
    folder
}

fn parse(text: &str, folder: &Path) -> Result<Config, InvalidConfig> {
    Config::parse(text, folder)
}

#[test]
fn a_sound_configuration_has_no_findings() {
    let folder = folder();
    let config = parse(SOUND, folder.path()).unwrap();
    assert_eq!(config.warnings(), []);
    assert_eq!(config.audit.file, folder.path().join("audit.jsonl"));
    assert_eq!(config.policy.max_outstanding(), 1000);
}

#[test]
fn each_wrong_thing_is_refused_by_its_key_and_line() {
    all_are_refused(REFUSED);
}

/// Each change makes a file that is refused, by a finding that names the key and its line.
fn all_are_refused(changes: &[Change]) {
    let folder = folder();
    for (from, to, key, says) in changes {
        assert!(SOUND.contains(from), "{from} does not occur");
        let text = SOUND.replace(from, to);
        let refused = parse(&text, folder.path()).map(|_| ());
        let refused = refused.expect_err(&format!("{from} -> {to} was taken"));
        let named = |it: &&Finding| it.key == *key && it.message.contains(says);
        let found = refused.findings().iter().find(named);
        let found = found.unwrap_or_else(|| panic!("{from} -> {to}: {refused}"));
        let line = found.line.unwrap_or_else(|| panic!("{from} -> {to}: no line: {refused}"));
        let line = text.lines().nth(line - 1).unwrap();
        let name = key.rsplit('.').next().unwrap().split('[').next().unwrap();
        assert!(line.contains(name), "{from} -> {to}: not in {line:?}: {refused}");
        assert!(!refused.to_string().contains("canary"), "{from} -> {to}: {refused}");
    }
}

#[test]
fn a_finding_names_the_line_that_is_to_blame() {
    let folder = folder();
    let refused = parse(&SOUND.replace("\"GET\"", "\"get\""), folder.path()).unwrap_err();
    let line = SOUND.lines().position(|line| line.starts_with("method")).unwrap() + 1;
    assert_eq!(refused.findings()[0].line, Some(line));
    let refused = parse(&SOUND.replace("listen =", "lisen ="), folder.path()).unwrap_err();
    assert_eq!(refused.findings()[0].line, Some(5));
}

#[test]
fn all_findings_are_listed_at_once() {
    let folder = folder();
    let text = SOUND.replace("\"GET\"", "\"get\"").replace("\"5m\"", "\"9h\"");
    assert_eq!(parse(&text, folder.path()).unwrap_err().findings().len(), 2);
    // A service that is refused does not make the grants of it wrong too.
    let text = SOUND.replace("http://127.0.0.1:9000", "http://api.stripe.com");
    assert_eq!(parse(&text, folder.path()).unwrap_err().findings().len(), 1);
}

#[test]
fn what_grants_nothing_is_allowed_with_a_warning() {
    let folder = folder();
    let rules = SOUND.find("[[services").unwrap();
    let without_rules = format!("{}scopes.\"read:customers\" = []", &SOUND[..rules]);
    let config = parse(&without_rules, folder.path()).unwrap();
    assert_eq!(config.warnings().len(), 1);
    assert!(config.warnings()[0].message.contains("allows nothing"));
    let config = parse("audit.file = \"a\"", folder.path()).unwrap();
    assert_eq!(config.warnings()[0].key, "agents");
}
