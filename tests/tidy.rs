//! The rules of this repository that a machine can check, each with a control that breaks it.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path from the repository's root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn named(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn name(&self) -> &str {
        Path::new(&self.path).file_stem().unwrap().to_str().unwrap()
    }

    /// The code before the tests of the file.
    fn code(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap()
    }

    /// Cases of the macro's tests are written as users write them, bad ones included.
    fn is_case(&self) -> bool {
        ["tests/ui/", "tests/goldens/", "tests/half_typed/", "tests/pass/"]
            .iter()
            .any(|folder| self.path.contains(folder))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in [
        "agentcred-issuer",
        "agentcred-macros",
        "agentcred-protocol",
        "agentcred-runtime",
        "src",
        "examples",
        "tests",
        "benches",
        "fuzz",
    ] {
        collect(&root().join(folder), &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 40, "only {} source files were found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}

/// The files that break a rule must be none, and the control must break it.
fn check(rule: impl Fn(&Source) -> bool, control: &Source) {
    assert!(!rule(control), "the control follows the rule, so the rule checks nothing");
    let broken: Vec<_> = sources()
        .into_iter()
        .filter(|source| !source.is_case() && !rule(source))
        .map(|source| source.path)
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_first_line_says_what_a_file_is_for() {
    let rule = |source: &Source| {
        source.text.starts_with("//! ") && source.text.lines().next().unwrap().len() > 20
    };
    check(rule, &Source::named("src/x.rs", "use std::fs;\n"));
}

#[test]
fn no_file_is_a_drawer() {
    const DRAWERS: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "misc", "types"];
    check(|source| !DRAWERS.contains(&source.name()), &Source::named("src/util.rs", ""));
}

#[test]
fn no_file_grows_past_four_hundred_lines() {
    check(
        |source| source.text.lines().count() <= 400,
        &Source::named("src/x.rs", &"\n".repeat(401)),
    );
}

#[test]
fn names_say_more_than_manager_or_helper() {
    const EMPTY: [&str; 5] = ["Manager", "Handler", "Helper", "Data", "Info"];
    let rule = |source: &Source| {
        let declared = source.text.lines().filter_map(|line| {
            let line =
                line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            ["struct ", "enum ", "trait "].iter().find_map(|keyword| line.strip_prefix(keyword))
        });
        declared.into_iter().all(|rest| {
            let name: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            !EMPTY.iter().any(|empty| name.ends_with(empty))
        })
    };
    check(rule, &Source::named("src/x.rs", "pub struct TokenManager;\n"));
}

#[test]
fn accessors_have_no_get_in_their_name() {
    check(
        |source| !source.text.contains(&["fn ", "get_"].concat()),
        &Source::named("src/x.rs", &["fn ", "get_scope()"].concat()),
    );
}

/// The files in which a word stands, outside their tests.
fn files_with(word: &str) -> BTreeSet<String> {
    sources()
        .into_iter()
        .filter(|source| !source.path.contains("tests/") && source.code().contains(word))
        .map(|source| source.path)
        .collect()
}

fn listed<const N: usize>(paths: [&str; N]) -> BTreeSet<String> {
    paths.map(str::to_owned).into()
}

#[test]
fn the_text_of_a_secret_is_read_in_few_files() {
    let expected = listed([
        // The messages of the protocol, and the token itself.
        "agentcred-protocol/src/answer.rs",
        "agentcred-protocol/src/request/forms.rs",
        "agentcred-protocol/src/token.rs",
    ]);
    assert_eq!(files_with("expose_secret"), expected);
}

#[test]
fn nothing_is_called_dangerous() {
    assert_eq!(files_with("dangerous_"), listed([]));
}

// Leak channel 27.
#[test]
fn the_environment_is_read_in_configuration_alone() {
    let expected = listed([
        // How much a benchmark measures.
        "agentcred-issuer/benches/ledger.rs",
        // Secrets that the configuration says are in the environment.
        "agentcred-issuer/src/secrets/env.rs",
        "agentcred-macros/src/catalogue.rs",
        "agentcred-runtime/src/config.rs",
        "examples/billing_agent/config.rs",
    ]);
    assert_eq!(files_with("env::var"), expected);
}

#[test]
fn no_unsafe_code_hides_behind_an_allow() {
    let word = ["allow(", "unsafe_code"].concat();
    assert_eq!(files_with(&word), listed([]));
}

/// The crates of this workspace that a crate depends on when it is built for a user.
fn depends_on(package: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    dependencies.keys().filter(|name| name.starts_with("agentcred")).cloned().collect()
}

#[test]
fn dependencies_point_one_way() {
    assert_eq!(depends_on("agentcred-protocol"), listed([]));
    assert_eq!(depends_on("agentcred-macros"), listed([]));
    assert_eq!(depends_on("agentcred-runtime"), listed(["agentcred-protocol"]));
    assert_eq!(depends_on("agentcred-issuer"), listed(["agentcred-protocol"]));
    assert_eq!(depends_on(""), listed(["agentcred-macros", "agentcred-runtime"]));
}

#[test]
fn every_dependency_comes_from_the_public_registry() {
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let lock = fs::read_to_string(root().join(lock)).unwrap();
        let sources: Vec<_> = lock.lines().filter(|line| line.starts_with("source = ")).collect();
        assert!(sources.len() > 100, "the lock file was not read");
        let public = r#"source = "registry+https://github.com/rust-lang/crates.io-index""#;
        assert!(sources.iter().all(|source| *source == public));
    }
}

#[test]
fn every_dependency_is_decided_in_one_place() {
    let manifest: toml::Table =
        fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let decided: BTreeSet<_> =
        manifest["workspace"]["dependencies"].as_table().unwrap().keys().cloned().collect();
    for package in
        ["", "agentcred-issuer", "agentcred-macros", "agentcred-protocol", "agentcred-runtime"]
    {
        let manifest: toml::Table =
            fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap().parse().unwrap();
        for section in ["dependencies", "dev-dependencies"] {
            for (name, how) in
                manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten()
            {
                // A crate tests itself with its features on.
                if name == "agentcred" || name == package {
                    continue;
                }
                assert!(decided.contains(name), "{package}: {name}");
                assert_eq!(
                    how.get("workspace").and_then(toml::Value::as_bool),
                    Some(true),
                    "{package}: {name}"
                );
            }
        }
    }
}
