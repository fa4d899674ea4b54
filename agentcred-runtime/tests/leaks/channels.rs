//! The table of leak channels: which tests stand for a channel is written beside the tests.
//!
//! `// Leak channel 7.` above a test says that it covers row 7, `: control.` that it leaks on purpose
//! and is caught, `, control within.` that it does both. With `AGENTCRED_WRITE_CHANNELS=1` the two
//! last columns of the table are written anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The tests of one channel.
#[derive(Default)]
struct Covered {
    tests: Vec<String>,
    controls: Vec<String>,
}

/// The channels that the sources mark, by number.
type Marks = BTreeMap<usize, Covered>;

const CHANNELS: usize = 44;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Reads the marks of every source file below a folder.
fn collect(folder: &Path, marks: &mut Marks) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&path, marks);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&fs::read_to_string(&path).unwrap(), marks);
        }
    }
}

/// Reads the marks of one file, each for the next function below it.
fn read(source: &str, marks: &mut Marks) {
    let mut rest = source;
    while let Some((_, after)) = rest.split_once("// Leak channel") {
        rest = after;
        let Some((mark, below)) = after.split_once('\n') else { break };
        // Not in the middle of a sentence about marks.
        let Some(mark) = mark.strip_suffix('.').filter(|mark| !mark.contains('`')) else {
            continue;
        };
        let name = below.split_once("fn ").and_then(|(_, function)| function.split_once('('));
        let name = format!("`{}`", name.unwrap().0);
        let control = mark.strip_suffix(": control");
        let within = mark.strip_suffix(", control within");
        let numbers = control.or(within).unwrap_or(mark).trim_start_matches('s');
        for number in numbers.split(',') {
            let covered = marks.entry(number.trim().parse().unwrap()).or_default();
            if control.is_none() {
                covered.tests.push(name.clone());
            }
            match (control, within) {
                (Some(_), _) => covered.controls.push(name.clone()),
                (None, Some(_)) => covered.controls.push(format!("in {name}")),
                (None, None) => {}
            }
        }
    }
}

/// The table with the two columns that the marks decide. Where there are none, the reason stays.
fn rendered(page: &str, marks: &Marks) -> String {
    let lines = page.lines().map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [number, channel, against, tests, control] = cells[..] else { return line.to_owned() };
        let Ok(row) = number.parse::<usize>() else { return line.to_owned() };
        let marked = |names: fn(&Covered) -> &Vec<String>, reason: &str| {
            let names = marks.get(&row).map(names).filter(|names| !names.is_empty());
            names.map_or_else(|| reason.to_owned(), |names| names.join(", "))
        };
        let (tests, control) = (marked(|it| &it.tests, tests), marked(|it| &it.controls, control));
        format!("| {number} | {channel} | {against} | {tests} | {control} |")
    });
    lines.map(|line| line + "\n").collect()
}

/// The channels that have neither a test with a control nor a reason.
fn unproven(page: &str, marks: &Marks) -> Vec<usize> {
    let none = Covered::default();
    let reasons = |row: usize| {
        page.lines()
            .any(|line| line.starts_with(&format!("| {row} |")) && line.contains("| none: "))
    };
    let is_proven = |row: &usize| {
        let covered = marks.get(row).unwrap_or(&none);
        !covered.controls.is_empty() || reasons(*row)
    };
    (1..=CHANNELS).filter(|row| !is_proven(row)).collect()
}

#[test]
fn every_channel_has_its_tests_and_controls_or_its_reason() {
    let mut marks = Marks::new();
    collect(&root(), &mut marks);
    let file = root().join("docs/leak-channels.md");
    let page = fs::read_to_string(&file).unwrap();
    let expected = rendered(&page, &marks);
    if std::env::var_os("AGENTCRED_WRITE_CHANNELS").is_some() {
        fs::write(&file, &expected).unwrap();
    } else {
        assert_eq!(page, expected, "AGENTCRED_WRITE_CHANNELS=1 writes it anew");
    }
    let rows = expected.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #"));
    assert_eq!(rows.count(), CHANNELS);
    assert!(marks.keys().all(|row| (1..=CHANNELS).contains(row)));
    assert_eq!(unproven(&expected, &marks), Vec::<usize>::new());

    // The control: without its mark a channel is missed, and so is the table's row of it.
    marks.remove(&7);
    assert_eq!(unproven(&expected, &marks), [7]);
    read("// Leak channels 7, 9: control.\n#[test]\nfn another() {}", &mut marks);
    assert_ne!(rendered(&expected, &marks), expected);
}
