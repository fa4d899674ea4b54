//! The command line, run as an operator runs it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use agentcred_protocol::key::{SigningKey, VerifyingKey};

use crate::stage::write_private;

pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_agentcred-issuer"))
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    command().args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A folder with a key made by `keygen` and a sound configuration.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(&["keygen", "--out", "billing"], folder.path()).status.success());
    write_private(&folder.path().join("stripe.key"), "sk_live_canary\n");
    let config = r#"
        server.listen = "127.0.0.1:0"
        audit.file = "audit.jsonl"
        [agents.billing]
        keys = ["billing.jwk"]
        allow = [{ service = "stripe", scopes = ["read:customers"] }]
        [services.stripe]
        origin = "http://127.0.0.1:9"
        secret = "file:stripe.key"
        inject = { header = "authorization", format = "Bearer {secret}" }
        allow_networks = ["127.0.0.0/8"]
        [[services.stripe.scopes."read:customers"]]
        method = "GET"
        path = "/v1/customers"
    "#;
    std::fs::write(folder.path().join("issuer.toml"), config).unwrap();
    folder
}

#[test]
fn keygen_makes_a_pair_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(&["keygen", "--out", "billing"], folder.path());
    assert!(made.status.success(), "{made:?}");
    let private_file = folder.path().join("billing.private.jwk");
    let private = std::fs::read_to_string(&private_file).unwrap();
    let public = std::fs::read_to_string(folder.path().join("billing.jwk")).unwrap();
    let key = SigningKey::read(&private).unwrap();
    assert_eq!(VerifyingKey::read(&public).unwrap().thumbprint(), key.thumbprint());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::metadata(&private_file).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
    }
    let again = run(&["keygen", "--out", "billing"], folder.path());
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("exists already"));
    assert_eq!(std::fs::read_to_string(&private_file).unwrap(), private);
}

#[test]
fn an_operators_token_is_written_once_and_only_its_hash_is_printed() {
    use agentcred_protocol::operator::OperatorHash;
    use agentcred_protocol::token::OperatorToken;
    let folder = tempfile::tempdir().unwrap();
    let made = run(&["keygen", "--operator", "--out", "ada"], folder.path());
    assert!(made.status.success(), "{made:?}");
    let token = std::fs::read_to_string(folder.path().join("ada.operator")).unwrap();
    let printed = text(&made.stdout);
    assert!(!printed.contains(&token) && made.stderr.is_empty());
    let section: toml::Table = printed[printed.find("[operators]").unwrap()..].parse().unwrap();
    let hash = section["operators"]["tokens"]["ada"].as_str().unwrap();
    let hash: OperatorHash = hash.parse().unwrap();
    assert!(hash.is_of(&OperatorToken::parse(token).unwrap()));
    let again = run(&["keygen", "--operator", "--out", "ada"], folder.path());
    assert!(text(&again.stderr).contains("exists already"), "{again:?}");
    let nobody = run(&["keygen", "--operator", "--out", "a:b"], folder.path());
    assert!(text(&nobody.stderr).contains("operator name must be"), "{nobody:?}");
}

#[test]
fn check_lists_findings_by_line_and_says_no_secret() {
    let folder = folder();
    let sound = run(&["check", "--config", "issuer.toml"], folder.path());
    assert!(sound.status.success(), "{sound:?}");
    assert!(text(&sound.stdout).contains("the configuration is sound"));
    let config = std::fs::read_to_string(folder.path().join("issuer.toml")).unwrap();
    std::fs::write(folder.path().join("bad.toml"), config.replace("\"GET\"", "\"FETCH\"")).unwrap();
    let bad = run(&["check", "--config", "bad.toml"], folder.path());
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        text(&bad.stdout).contains(
            "error: line 13: services.stripe.scopes.\"read:customers\"[0].method must be"
        ),
        "{bad:?}"
    );
    write_private(&folder.path().join("stripe.key"), "canary with spaces");
    let unusable = run(&["check", "--config", "issuer.toml"], folder.path());
    assert_eq!(unusable.status.code(), Some(1));
    assert!(text(&unusable.stdout).contains("services.stripe.secret cannot be used"));
    for output in [sound, bad, unusable] {
        assert!(
            !text(&output.stdout).contains("canary") && !text(&output.stderr).contains("canary")
        );
    }
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&["serv"], folder.path()).status.code(), Some(2));
    assert_eq!(run(&["serve"], folder.path()).status.code(), Some(2));
    let help = run(&["--help"], folder.path());
    assert!(help.status.success() && text(&help.stdout).contains("keygen"));
    let missing = run(&["serve", "--config", "none.toml"], folder.path());
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("none.toml cannot be read"));
}

#[test]
fn serve_says_its_url_and_stops_when_told_to() {
    let folder = folder();
    let mut child = command()
        .args(["serve", "--config", "issuer.toml"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
    let config = folder.path().join("issuer.toml");
    let sound = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("tasks.max_outstanding = 5\n{sound}")).unwrap();
    Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    while !std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap().contains("reload") {
        std::thread::yield_now();
    }
    let terminated =
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(terminated.success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");

    let verified = run(&["audit", "verify", "audit.jsonl"], folder.path());
    assert!(verified.status.success() && text(&verified.stdout).contains("2 lines, unbroken"));
    let shown = run(&["audit", "show", "audit.jsonl"], folder.path());
    let [head, start, reload] = &text(&shown.stdout).lines().collect::<Vec<_>>()[..] else {
        panic!("a head and two records: {shown:?}");
    };
    assert_eq!(head.find("event"), start.find("start"));
    assert_eq!(head.find("event"), reload.find("reload"));
    let filtered = run(&["audit", "show", ".", "--event", "reload", "--json"], folder.path());
    assert_eq!(text(&filtered.stdout).lines().count(), 1);
    let none =
        run(&["audit", "show", "audit.jsonl", "--until", "2020-01-01T00:00:00Z"], folder.path());
    assert!(none.status.success() && none.stdout.is_empty());
    let audit = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    std::fs::write(folder.path().join("audit.jsonl"), audit.replace("start", "stort")).unwrap();
    let broken = run(&["audit", "verify", "audit.jsonl"], folder.path());
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stderr).contains("audit.jsonl: line 1 was changed"), "{broken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_decides_from_the_command_line() {
    use crate::operating::stage_with;
    let (stage, operator) =
        stage_with("", |policy| policy.replace(r#"max_ttl = "5m" }"#, r#"approval = "human" }"#))
            .await;
    let grant = stage.agent.grant().await;
    let refused = stage.agent.try_mint(&grant, crate::agent::READ).await.unwrap_err();
    assert_eq!(refused.code.as_str(), "authorization_pending");
    // The stage's port is not known before it runs, so the command gets a configuration of its own.
    let config = format!(
        "audit.file = \"x\"\n[operators]\nlisten = \"{}\"\ntokens = {{ ada = \"{}\" }}",
        operator.at.trim_start_matches("http://"),
        operator.hash()
    );
    std::fs::write(stage.folder().join("issuer.toml"), config).unwrap();
    write_private(&stage.folder().join("ada.operator"), &operator.text);
    let approvals = |arguments: &[&str]| {
        let arguments = [&["approvals"], arguments, &["--token-file", "ada.operator"]].concat();
        run(&arguments, stage.folder())
    };
    let list = approvals(&["list", "--json"]);
    assert!(list.status.success(), "{list:?}");
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let id = list["approvals"][0]["id"].as_str().unwrap();
    let shown = approvals(&["list"]);
    assert!(text_of(&shown).contains(&format!("{id}  pending  find_customers  billing")));
    let approved = approvals(&["approve", id]);
    assert_eq!(text_of(&approved).trim(), format!("{id} approved"), "{approved:?}");
    let again = approvals(&["deny", id]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("already approved by ada"), "{again:?}");
    assert_eq!(approvals(&["deny", "x"]).status.code(), Some(2));
    let revoke =
        ["revoke", "--agent", "billing", "--task", "task-1", "--token-file", "ada.operator"];
    let revoked = run(&revoke, stage.folder());
    assert_eq!(text_of(&revoked).trim(), "1 grants and 0 nonces ended", "{revoked:?}");
    write_private(&stage.folder().join("ada.operator"), "aco_nothing");
    assert!(text(&approvals(&["list"]).stderr).contains("holds no operator's token"));
}

fn text_of(output: &Output) -> &str {
    text(&output.stdout)
}

#[tokio::test]
async fn records_of_several_issuers_are_shown_in_the_order_of_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let line = |seq: u32, time: &str, task: &str| {
        format!(
            r#"{{"seq":{seq},"time":"2027-01-15T08:00:0{time}Z","event":"task","task":"{task}"}}"#
        )
    };
    for (file, lines) in [
        ("a.jsonl.000001", vec![line(1, "1.000", "one"), line(2, "3.000", "three")]),
        ("a.jsonl", vec![line(3, "5.000", "five")]),
        ("b.jsonl", vec![line(1, "2.000", "two"), line(2, "4.000", "\\u001b[31mfour")]),
    ] {
        std::fs::write(folder.path().join(file), lines.join("\n")).unwrap();
    }
    let shown = run(&["audit", "show", "a.jsonl", "b.jsonl"], folder.path());
    let tasks: Vec<_> =
        text_of(&shown).lines().skip(1).map(|row| row.split_whitespace().last().unwrap()).collect();
    assert_eq!(tasks, ["one", "two", "three", r"\u{1b}[31mfour", "five"], "{shown:?}");
    let since = ["audit", "show", ".", "--json", "--since", "2027-01-15T08:00:04Z"];
    assert_eq!(text_of(&run(&since, folder.path())).lines().count(), 2);
}
