//! The table of leak channels names tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all functions in the workspace's sources.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
            found.extend(names.map(str::to_owned));
        }
    }
}

/// Rows that name neither a test nor a reason, and names that no function has.
fn missing(table: &str, functions: &BTreeSet<String>) -> Vec<String> {
    let mut missing = Vec::new();
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let Some(tests) = row.split('|').nth(4) else { continue };
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !tests.contains("no test: ") {
            missing.push(row.to_owned());
        }
        missing.extend(
            names.iter().filter(|name| !functions.contains(**name)).map(ToString::to_string),
        );
    }
    missing
}

#[test]
fn every_channel_has_its_tests_or_its_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let table = fs::read_to_string(root.join("docs/leak-channels.md")).unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.len(), 44);
    let mut known = BTreeSet::new();
    functions(root, &mut known);
    assert_eq!(missing(&rows.join("\n"), &known), Vec::<String>::new());

    // The controls: a name that nobody has, and a row without a word.
    assert_eq!(missing("| 1 | a | b | `nobody_has_this_name` |", &known).len(), 1);
    assert_eq!(missing("| 1 | a | b | |", &known).len(), 1);
}
