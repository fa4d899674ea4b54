//! What becomes of the audit when a disk fails, and a process ends, at each step.

use super::*;
use crate::audit::chain::Head;
use crate::audit::{Event, audit_files, verify, verify_files};
use agentcred_protocol::clock::UnixTime;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

fn record(epoch: &str) -> Record {
    Record::new(UnixTime::from_millis(0), None, &Event::Start { epoch }).unwrap()
}

async fn append(path: &Path, epochs: &[&str]) {
    let audit = FileAudit::open(path).unwrap();
    for epoch in epochs {
        audit.append(record(epoch)).await.unwrap();
    }
}

fn lines(path: &Path) -> u64 {
    verify(std::fs::read(path).unwrap().as_slice()).unwrap().lines
}

#[tokio::test]
async fn a_restart_continues_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    append(&path, &["1", "2"]).await;
    let audit = FileAudit::open(&path).unwrap();
    audit.append(record("3")).await.unwrap();
    assert_eq!(lines(&path), 3);
}

#[tokio::test]
async fn many_at_once_all_stand_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Arc::new(FileAudit::open(&path).unwrap());
    let writers: Vec<_> = (0..500)
        .map(|_| {
            let audit = Arc::clone(&audit);
            tokio::spawn(async move { audit.append(record("x")).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(lines(&path), 500);
}

#[tokio::test]
async fn a_second_issuer_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let _first = FileAudit::open(&path).unwrap();
    assert!(matches!(FileAudit::open(&path), Err(OpenError::InUse { .. })));
}

#[tokio::test]
async fn a_torn_or_changed_last_line_is_refused_and_the_named_cut_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    append(&path, &["1", "2"]).await;
    let whole = std::fs::read(&path).unwrap();
    for broken in [whole[..whole.len() - 9].to_vec(), [&whole[..], b"garbage\n"].concat()] {
        std::fs::write(&path, &broken).unwrap();
        let Err(OpenError::Broken { sound, .. }) = FileAudit::open(&path) else {
            panic!("a broken file was opened");
        };
        std::fs::write(&path, &broken[..usize::try_from(sound).unwrap()]).unwrap();
        FileAudit::open(&path).unwrap();
    }
    assert!(matches!(FileAudit::open(folder.path()), Err(OpenError::Io { .. })));
}

/// A disk that fails when it is told to, after taking a part of what it was given.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Default)]
struct DiskState {
    bytes: Vec<u8>,
    /// What was written to files that are kept.
    kept: Vec<u8>,
    /// How often each step still fails.
    failing: HashMap<&'static str, u32>,
    /// The next write waits until the other end is gone.
    hanging: Option<std::sync::mpsc::Receiver<()>>,
}

impl Disk {
    fn fail(&self, step: &'static str, times: u32) {
        self.0.lock().unwrap().failing.insert(step, times);
    }

    /// All that is on it, the kept files first.
    fn bytes(&self) -> Vec<u8> {
        let state = self.0.lock().unwrap();
        [&state.kept[..], &state.bytes].concat()
    }
}

impl DiskState {
    fn fails(&mut self, step: &str) -> bool {
        let left = self.failing.get_mut(step).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    }
}

impl Storage for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if let Some(hanging) = state.hanging.take() {
            let _ = hanging.recv();
        }
        if state.fails("append") {
            state.bytes.extend_from_slice(&bytes[..bytes.len() / 2]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.0.lock().unwrap().fails("sync") { Err(io::Error::other("gone")) } else { Ok(()) }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.lock().unwrap().bytes.truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn kept_name(&self, number: u64) -> String {
        format!("kept.{number}")
    }

    fn keep_as(&mut self, _: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.fails("keep_as") {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let full = std::mem::take(&mut state.bytes);
        state.kept.extend(full);
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        let fails = self.0.lock().unwrap().fails("begin");
        if fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// A writer on that disk, of files of so many bytes.
fn writer(disk: &Disk, max_size: Option<u64>) -> Writer<Disk> {
    let end = End { head: Head::start(), length: 0, kept: 0, step: Step::Written };
    Writer { storage: disk.clone(), end, max_size, is_lost: false }
}

fn entry() -> Entry {
    Entry { record: record("x"), done: oneshot::channel().0 }
}

#[test]
fn a_full_disk_refuses_and_the_chain_goes_on_when_there_is_room() {
    let disk = Disk::default();
    let mut writer = writer(&disk, None);
    writer.write(&[entry()]).unwrap();
    disk.fail("append", 1);
    assert!(writer.write(&[entry(), entry()]).is_err());
    writer.write(&[entry()]).unwrap();
    assert_eq!(verify(disk.bytes().as_slice()).unwrap().lines, 2);
}

#[test]
fn after_a_failed_sync_nothing_is_written_any_more() {
    let disk = Disk::default();
    let mut writer = writer(&disk, None);
    disk.fail("sync", 1);
    assert!(writer.write(&[entry()]).is_err());
    assert!(writer.write(&[entry()]).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_refuses_at_the_deadline_and_the_chain_goes_on_when_it_moves() {
    let disk = Disk::default();
    let (moves, hanging) = std::sync::mpsc::channel();
    disk.0.lock().unwrap().hanging = Some(hanging);
    let audit = FileAudit::written_by(writer(&disk, None)).unwrap();
    let began = tokio::time::Instant::now();
    assert!(audit.append(record("x")).await.is_err());
    assert_eq!(began.elapsed(), DEADLINE);
    drop(moves);
    tokio::time::resume();
    audit.append(record("y")).await.unwrap();
    // What was refused may be in it, since it was on its way.
    assert_eq!(verify(disk.bytes().as_slice()).unwrap().lines, 2);
}

#[test]
fn a_change_of_files_that_fails_is_tried_again_and_nothing_is_written_before() {
    for step in ["append", "keep_as", "begin"] {
        let disk = Disk::default();
        let mut writer = writer(&disk, Some(1));
        writer.write(&[entry()]).unwrap();
        disk.fail(step, 3);
        for _ in 0..3 {
            assert!(writer.write(&[entry()]).is_err(), "{step}");
        }
        writer.write(&[entry()]).unwrap();
        // The two entries, and how one file ends and the next begins.
        assert_eq!(verify(disk.bytes().as_slice()).unwrap().lines, 4, "{step}");
    }
}

/// The files of an audit in a folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn rotate(path: &Path, epochs: u32) {
    let audit = FileAudit::open_rotating(path, 1).unwrap();
    for _ in 0..epochs {
        audit.append(record("x")).await.unwrap();
    }
}

fn lines_of_all(folder: &Path) -> u64 {
    let files = audit_files(&[folder.to_owned()]).unwrap();
    let audits = verify_files(&files, &[], &|_| {}).unwrap();
    assert_eq!(audits.len(), 1);
    audits[0].lines
}

#[tokio::test]
async fn a_full_file_is_kept_and_the_chain_goes_on_in_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    rotate(&path, 3).await;
    rotate(&path, 1).await;
    let kept = ["audit.jsonl.000001", "audit.jsonl.000002", "audit.jsonl.000003"];
    assert_eq!(names(folder.path()), [&["audit.jsonl"][..], &kept].concat());
    assert_eq!(lines_of_all(folder.path()), 4 + 2 * 3);
    let second = std::fs::read_to_string(folder.path().join(kept[1])).unwrap();
    assert!(second.lines().next().unwrap().contains(r#""after":"audit.jsonl.000001""#));
    assert!(second.lines().last().unwrap().contains(r#""kept_as":"audit.jsonl.000002""#));
    // Their numbers are not given again when they were taken elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    for name in kept {
        std::fs::rename(folder.path().join(name), elsewhere.path().join(name)).unwrap();
    }
    rotate(&path, 1).await;
    assert_eq!(names(folder.path()), ["audit.jsonl", "audit.jsonl.000004"]);
}

#[tokio::test]
async fn a_crash_between_two_files_is_made_good_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let kept = folder.path().join("audit.jsonl.000001");
    rotate(&path, 2).await;
    let (first, second) = (std::fs::read(&kept).unwrap(), std::fs::read(&path).unwrap());
    let first = &first[..];
    let line = second.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    // What is there after each step: the written file, and the kept one.
    let steps = [
        (Some(first), None),
        (None, Some(first)),
        (Some(&b""[..]), Some(first)),
        (Some(&second[..line]), Some(first)),
        (Some(&second), Some(first)),
    ];
    for (step, (written, before)) in steps.into_iter().enumerate() {
        for (path, bytes) in [(&path, written), (&kept, before)] {
            let _ = std::fs::remove_file(path);
            if let Some(bytes) = bytes {
                std::fs::write(path, bytes).unwrap();
            }
        }
        FileAudit::open_rotating(&path, 1 << 20).unwrap().append(record("3")).await.unwrap();
        assert_eq!(names(folder.path()), ["audit.jsonl", "audit.jsonl.000001"], "step {step}");
        let recorded = if step == 4 { 3 } else { 2 };
        assert_eq!(lines_of_all(folder.path()), recorded + 2, "step {step}");
    }
    // A kept file that ends with half a line is named as the written one is.
    std::fs::write(&path, b"").unwrap();
    std::fs::write(&kept, &first[..first.len() - 3]).unwrap();
    let refused = FileAudit::open(&path).unwrap_err().to_string();
    assert!(refused.contains("audit.jsonl.000001 is incomplete"), "{refused}");
}
