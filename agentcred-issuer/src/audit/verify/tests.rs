//! What is found when files of an audit are changed, taken away, doubled or moved.

use std::fs;

use agentcred_protocol::clock::UnixTime;

use super::*;
use crate::audit::{AuditLog as _, Event, FileAudit, Record, audit_files};

/// The audits of three issuers, each in several files.
async fn written(folder: &Path) {
    for replica in ["a", "b", "c"] {
        let path = folder.join(format!("{replica}.jsonl"));
        let audit = FileAudit::open_rotating(&path, 750).unwrap();
        for number in 0..12 {
            let event = Event::Start { epoch: &format!("epoch-{number}") };
            let time = UnixTime::from_millis(number);
            let record = Record::new(time, Some(replica), &event).unwrap();
            audit.append(record).await.unwrap();
        }
    }
}

fn check(folder: &Path) -> Result<Vec<VerifiedAudit>, Vec<String>> {
    let files = audit_files(&[folder.to_owned()]).unwrap();
    verify_files(&files, &[], &|_| {})
        .map_err(|flaws| flaws.iter().map(ToString::to_string).collect())
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

#[tokio::test]
async fn audits_of_several_issuers_are_told_apart_by_their_hashes() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).await;
    // Whatever the files are called, and wherever they are.
    fs::create_dir(folder.path().join("kept")).unwrap();
    let moved = folder.path().join("kept").join("old.jsonl");
    fs::rename(path(folder.path(), "b.jsonl.000001"), &moved).unwrap();
    let audits = check(folder.path()).unwrap();
    let mut replicas: Vec<_> = audits.iter().map(|it| it.replica.clone().unwrap()).collect();
    replicas.sort();
    assert_eq!(replicas, ["a", "b", "c"]);
    let of_b = audits.iter().find(|it| it.replica.as_deref() == Some("b")).unwrap();
    assert_eq!(of_b.files[0], moved);
    assert_eq!(of_b.files.last().unwrap(), &path(folder.path(), "b.jsonl"));
    assert!(of_b.files.len() > 3, "{of_b:?}");
    // A file stands for those that were kept beside it.
    let files = audit_files(&[path(folder.path(), "a.jsonl")]).unwrap();
    assert_eq!(verify_files(&files, &[], &|_| {}).unwrap().len(), 1);
}

#[tokio::test]
async fn a_missing_doubled_or_empty_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).await;
    let second = path(folder.path(), "b.jsonl.000002");
    let bytes = fs::read(&second).unwrap();
    fs::remove_file(&second).unwrap();
    let flaws = check(folder.path()).unwrap_err();
    assert_eq!(flaws.len(), 2, "{flaws:?}");
    assert!(flaws[0].contains("b.jsonl.000003: line 1 goes on after line"), "{flaws:?}");
    assert!(flaws[0].contains("which was kept as b.jsonl.000002; a file or a line is missing"));
    assert!(flaws[1].contains("b.jsonl.000001: the file that goes on after it"), "{flaws:?}");
    fs::write(&second, &bytes).unwrap();
    assert!(check(folder.path()).is_ok());

    let copy = path(folder.path(), "copy.jsonl");
    fs::write(&copy, &bytes).unwrap();
    let flaws = check(folder.path()).unwrap_err().join("\n");
    assert!(flaws.contains("copy.jsonl: is a copy of"), "{flaws}");
    fs::remove_file(&copy).unwrap();

    let last = path(folder.path(), "c.jsonl");
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, b"").unwrap();
    let flaws = check(folder.path()).unwrap_err();
    assert!(flaws[0].contains(": the file that goes on after it is missing or empty"), "{flaws:?}");
    fs::write(&last, bytes).unwrap();

    // What was taken away on purpose is vouched for by its last hash.
    let first = path(folder.path(), "a.jsonl.000001");
    let first_alone = verify_files(std::slice::from_ref(&first), &[], &|_| {});
    assert!(matches!(&first_alone.unwrap_err()[..], [Flaw::NoEnd { .. }]));
    let lines = fs::read(&first).unwrap();
    let last_line = lines.split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
    let hash = Link::read(last_line).unwrap().hash.into_owned();
    fs::remove_file(&first).unwrap();
    let files = audit_files(&[folder.path().to_owned()]).unwrap();
    assert!(verify_files(&files, &[], &|_| {}).is_err());
    assert_eq!(verify_files(&files, &[hash], &|_| {}).unwrap().len(), 3);
}

#[tokio::test]
async fn a_line_that_is_added_removed_or_moved_is_named_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).await;
    let file = path(folder.path(), "b.jsonl.000002");
    let whole = fs::read(&file).unwrap();
    let lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let last = lines.len();
    assert!(last > 3);
    let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat();
    let doubled = |at: usize| [&lines[..=at], &lines[at..]].concat();
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    let broken =
        |at: usize| format!("b.jsonl.000002: line {at} does not follow the line before it");
    for (edited, finding) in [
        (without(0), "b.jsonl.000002: line 1 goes on after line".to_owned()),
        (without(1), broken(2)),
        (without(last - 1), "b.jsonl.000003: line 1 goes on after line".to_owned()),
        (doubled(1), broken(3)),
        (swapped, broken(2)),
    ] {
        fs::write(&file, edited.concat()).unwrap();
        let flaws = check(folder.path()).unwrap_err();
        assert!(flaws.iter().any(|flaw| flaw.contains(&finding)), "{finding}: {flaws:?}");
    }
    fs::write(&file, &whole).unwrap();
    assert!(check(folder.path()).is_ok());
}
