//! Tests of injections in a configuration: what is sound, what is refused, by key and line.

use std::path::Path;

use crate::Config;

/// A configuration whose service puts its key in like this.
fn parse(inject: &str) -> Result<Config, String> {
    let text = format!(
        r#"
audit.file = "audit.jsonl"
[services.api]
origin = "http://127.0.0.1:9000"
allow_networks = ["127.0.0.0/8"]
request_headers = ["x-version"]
{inject}
[[services.api.scopes."read"]]
method = "GET"
path = "/v1"
query = ["limit", "list[]"]
query_lists = ["list[]"]
"#
    );
    Config::parse(&text, Path::new("")).map_err(|refused| refused.to_string())
}

const SOUND: &[&str] = &[
    r#"inject = { header = "x-key", format = "{secret}" }"#,
    r#"inject = { basic = "ada:{secret}" }"#,
    r#"inject = { basic = "{secret}:" }"#,
    r#"inject = { query = "api_key" }"#,
    r#"inject = { aws_sigv4 = { region = "eu-central-1", service = "execute-api" } }"#,
    r#"inject = { client_credentials = { token_url = "http://127.0.0.1:9001/token", client_id = "ac" } }"#,
    r#"inject = { client_credentials = { token_url = "http://127.0.0.1:9001/a/token", client_id = "ac", scope = "a b", audience = "https://api.example", authentication = "form" } }"#,
    r#"inject = [{ header = "x-a", format = "{secret}" }, { header = "x-b", format = "{secret}", secret = "env:B" }]"#,
    r#"inject = [{ aws_sigv4 = { region = "eu-central-1", service = "s3" } }, { header = "x-api-key", format = "{secret}", secret = "env:B" }]"#,
];

#[test]
fn every_kind_of_injection_is_taken() {
    for inject in SOUND {
        let config = parse(&format!("secret = \"env:KEY\"\n{inject}"));
        assert!(config.is_ok(), "{inject}: {config:?}");
    }
    // Without one of its service, each has to name its own.
    let own = r#"inject = [{ header = "x-a", format = "{secret}", secret = "env:A" }]"#;
    assert!(parse(own).is_ok());
}

/// What is written, the key that the finding names, and a part of what it says.
const REFUSED: &[(&str, &str, &str)] = &[
    ("{}", "inject", "must be one of"),
    ("[]", "inject", "is empty"),
    ("\"bearer\"", "", "a table, or an array of tables"),
    (r#"{ cookie = "a" }"#, "", "unknown field `cookie`"),
    (r#"[{ header = "x-a", format = "{secret}" }, { coockie = "a" }]"#, "", "unknown field"),
    (r#"{ header = "x-a" }"#, "inject.header", "needs a `format`"),
    (r#"{ format = "{secret}" }"#, "inject.format", "needs a `header`"),
    (r#"{ header = "x-a", format = "{secret}", query = "a" }"#, "inject", "must be one of"),
    (r#"{ basic = "a:{secret}", query = "a" }"#, "inject", "must be one of"),
    (r#"{ header = "host", format = "{secret}" }"#, "inject.header", "frames or routes"),
    (r#"{ header = "x-version", format = "{secret}" }"#, "request_headers[0]", "goes into"),
    (r#"{ basic = "{secret}" }"#, "inject.basic", "user:{secret}"),
    (r#"{ basic = "a:b" }"#, "inject.basic", "must hold {secret}"),
    (r#"{ query = "a b" }"#, "inject.query", "must name a parameter"),
    (r#"{ query = "LIMIT" }"#, "scopes.read[0].query[0]", "lets a caller send"),
    (r#"{ query = "list" }"#, "scopes.read[0].query[1]", "lets a caller send"),
    (r#"{ aws_sigv4 = { region = "EU!", service = "s3" } }"#, "inject.aws_sigv4.region", "region"),
    (r#"{ aws_sigv4 = { region = "eu", service = "" } }"#, "inject.aws_sigv4.service", "service"),
    (r#"{ aws_sigv4 = { region = "eu" } }"#, "", "missing field `service`"),
    (
        r#"{ client_credentials = { token_url = "http://login.example/t", client_id = "a" } }"#,
        "inject.client_credentials.token_url",
        "must be https",
    ),
    (
        r#"{ client_credentials = { token_url = "https://login.example/t?a=b", client_id = "a" } }"#,
        "inject.client_credentials.token_url",
        "query",
    ),
    (
        r#"{ client_credentials = { token_url = "https://169.254.169.254/t", client_id = "a" } }"#,
        "inject.client_credentials.token_url",
        "not a public address",
    ),
    (
        r#"{ client_credentials = { token_url = "http://127.0.0.1:1/t", client_id = "" } }"#,
        "inject.client_credentials.client_id",
        "printable",
    ),
    (
        r#"{ client_credentials = { token_url = "http://127.0.0.1:1/t", client_id = "a", authentication = "none" } }"#,
        "inject.client_credentials.authentication",
        "\"basic\" or \"form\"",
    ),
    (
        r#"{ header = "x-a", format = "{secret}", secret = "sk_live_canary" }"#,
        "inject.secret",
        "env:NAME",
    ),
    (
        r#"[{ header = "x-a", format = "{secret}" }, { header = "X-A", format = "b{secret}" }]"#,
        "inject",
        "two keys into x-a",
    ),
    (
        r#"[{ basic = "a:{secret}" }, { aws_sigv4 = { region = "eu", service = "s3" } }]"#,
        "inject",
        "two keys into authorization",
    ),
    (
        r#"[{ query = "a" }, { aws_sigv4 = { region = "eu", service = "s3" } }]"#,
        "inject",
        "signs a key in the query",
    ),
    (r#"[{ query = "a" }, { query = "a" }]"#, "inject", "one query parameter"),
    (r#"[{ header = "x-a", format = "{secret}", secret = "env:A" }]"#, "secret", "of no use"),
    (
        r#"[{ header = "x-a", format = "{secret}" }, { header = "x-b", format = "" }]"#,
        "inject[1].format",
        "must hold {secret}",
    ),
];

#[test]
fn each_mistake_is_refused_by_its_key_and_line() {
    for (inject, key, says) in REFUSED {
        let text = format!("secret = \"env:KEY\"\ninject = {inject}");
        let refused = parse(&text).map(|_| ()).expect_err(inject);
        let key = if key.is_empty() { String::new() } else { format!("services.api.{key} ") };
        let finding = refused.lines().find(|line| line.contains(says));
        let finding = finding.unwrap_or_else(|| panic!("{inject}: {refused}"));
        assert!(finding.contains(&key), "{inject}: {finding}");
        let line = match key.as_str() {
            key if key.contains("request_headers") => 6,
            key if key.contains("scopes") => 12,
            key if key.ends_with("api.secret ") => 7,
            _ => 8,
        };
        assert!(finding.contains(&format!("line {line}:")), "{inject}: {finding}");
        assert!(!refused.contains("canary"), "{inject}: {refused}");
    }
}

#[test]
fn a_key_that_is_kept_nowhere_is_missed() {
    let refused = parse(r#"inject = { query = "a" }"#).unwrap_err();
    assert!(refused.contains("services.api.secret is missing"), "{refused}");
}

#[test]
fn a_key_in_the_query_gets_a_warning_and_one_in_a_header_none() {
    let warnings = |inject: &str| {
        let config = parse(&format!("secret = \"env:KEY\"\n{inject}")).unwrap();
        let warnings = config.warnings().iter().map(ToString::to_string);
        warnings.filter(|it| it.contains("inject")).collect::<Vec<_>>()
    };
    let found = warnings(r#"inject = { query = "api_key" }"#);
    assert!(found[0].contains("line 8: services.api.inject.query"), "{found:?}");
    assert!(warnings(SOUND[0]).is_empty());
}
