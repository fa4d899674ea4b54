//! The documented configuration: `check` accepts it as it stands, and it leaves no key out.

use std::collections::BTreeMap;

use agentcred_protocol::key::SigningKey;
use toml::{Table, Value};

use crate::command::command;
use crate::stage::{new_key, write_private};
use crate::tls::Authority;

const DOCUMENTED: &str = include_str!("../../../docs/issuer.toml");
const GRAMMAR: &str = concat!(
    include_str!("../../src/config/raw.rs"),
    include_str!("../../src/config/raw/secrets.rs")
);

#[test]
fn the_documented_configuration_is_accepted_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let authority = Authority::new();
    let (certificate, key) = authority.sign("vault.example", |_| {});
    std::fs::write(at("vault.pem"), certificate).unwrap();
    write_private(&at("vault.key"), &key);
    for authorities in ["clients.pem", "stripe-ca.pem", "mesh-ca.pem"] {
        std::fs::write(at(authorities), authority.pem()).unwrap();
    }
    for secret in
        ["nonce.key", "ledger.key", "db.password", "tickets.key", "crm.key", "archive.key"]
    {
        write_private(&at(secret), "canary_0123456789_0123456789_0123456789");
    }
    write_private(&at("aws.key"), "AKIAIOSFODNN7EXAMPLE:canary_0123456789_0123456789_01234567");
    let _: SigningKey = new_key(folder.path(), "billing-agent");
    let login = new_key(folder.path(), "archive-gate");
    let keys = serde_json::json!({ "keys": [login.public()] }).to_string();
    std::fs::write(at("corp.jwks"), keys).unwrap();
    std::fs::write(at("issuer.toml"), DOCUMENTED).unwrap();
    let checked = command()
        .args(["check", "--config", "issuer.toml"])
        .env("STRIPE_API_KEY", "canary_0123456789")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(said, "issuer.toml: the configuration is sound\n");
    assert!(checked.status.success());
}

#[test]
fn every_key_is_documented() {
    let document = with_alternatives(DOCUMENTED);
    assert_eq!(left_out(GRAMMAR, &document), Vec::<String>::new());
    // The controls: a key that is new is found, beside others of its name too.
    for (at, key) in [
        ("RawAudit {", "audit.brand_new"),
        ("RawAudit {", "audit.socket"),
        ("RawSigV4 {", "services.inject.aws_sigv4.brand_new"),
    ] {
        let name = key.rsplit('.').next().unwrap();
        let longer = GRAMMAR.replace(at, &format!("{at}\n    pub(crate) {name}: bool,"));
        assert_eq!(left_out(&longer, &document), [key]);
    }
}

/// The document with what is commented out without a space.
fn with_alternatives(text: &str) -> Value {
    let is_alternative = |line: &&str| line.starts_with('#') && !line.starts_with("# ");
    let lines = text.lines().map(|line| if is_alternative(&line) { &line[1..] } else { line });
    Value::Table(lines.collect::<Vec<_>>().join("\n").parse().unwrap())
}

/// The keys of the grammar that the document does not hold at their place.
fn left_out(grammar: &str, document: &Value) -> Vec<String> {
    let mut missing = Vec::new();
    let structs = structs(grammar);
    compare(&structs, "RawConfig", "", &[document], &mut missing);
    missing
}

/// By name, the fields of each struct: the key, and the type of its value.
fn structs(grammar: &str) -> BTreeMap<&str, Vec<(&str, &str)>> {
    let mut structs = BTreeMap::<_, Vec<_>>::new();
    let mut inside = "";
    let mut renamed = None;
    for line in grammar.lines() {
        if let Some(header) = line.strip_prefix("pub(crate) struct ") {
            inside = header.trim_end_matches(" {");
        }
        if let Some(name) = line.trim().strip_prefix("#[serde(rename = \"") {
            renamed = name.strip_suffix("\")]");
        }
        if let Some((name, kind)) =
            line.strip_prefix("    pub(crate) ").and_then(|field| field.split_once(": "))
        {
            structs.entry(inside).or_default().push((renamed.take().unwrap_or(name), kind));
        }
    }
    structs
}

fn compare(
    structs: &BTreeMap<&str, Vec<(&str, &str)>>,
    kind: &str,
    at: &str,
    written: &[&Value],
    missing: &mut Vec<String>,
) {
    for (key, kind) in &structs[kind] {
        let path = if at.is_empty() { (*key).to_owned() } else { format!("{at}.{key}") };
        let mut values: Vec<_> = written.iter().filter_map(|table| table.get(key)).collect();
        if values.is_empty() {
            missing.push(path);
            continue;
        }
        if kind.contains("BTreeMap<") {
            let entries = values.into_iter().filter_map(Value::as_table).flat_map(Table::values);
            values = entries.collect();
        }
        let items = values.into_iter().flat_map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            other => vec![other],
        });
        let inner = kind.split(['<', '>', ',', ' ']).find(|word| word.starts_with("Raw"));
        if let Some(inner) = inner {
            // One injection and several are the same grammar.
            let inner = if inner == "RawInjections" { "RawInjection" } else { inner };
            compare(structs, inner, &path, &items.collect::<Vec<_>>(), missing);
        }
    }
}
