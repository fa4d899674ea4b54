//! An audit file: JSON lines in a hash chain, made durable in groups by a thread of its own.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use super::chain::{Cause, Head};
use super::{AuditError, AuditLog, Record};

/// Appends to one file, which no other process may have open.
///
/// Whoever waits while a group is being written is in the next group, so that many share one
/// wait for the disk. When it is dropped, all is written and the file is free for another.
#[derive(Debug)]
pub struct FileAudit {
    /// None only while it is dropped.
    entries: Option<mpsc::Sender<Entry>>,
    writer: Option<thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Entry {
    record: Record,
    done: oneshot::Sender<Result<(), AuditError>>,
}

/// An audit file that cannot be continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It cannot be opened, read or created.
    #[error("the audit file {} cannot be opened: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process writes it.
    #[error("the audit file {} is in use; give each issuer a file of its own", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Its last line is no line of an audit, or half of one.
    #[error(
        "the last line of the audit file {} {cause}, so it cannot be continued; keep a copy as \
         evidence, then either move the file away or cut the line off: truncate -s {sound} {}",
        path.display(), path.display()
    )]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with the line.
        cause: Cause,
        /// How many bytes there are before that line.
        sound: u64,
    },
}

impl FileAudit {
    /// Opens a file or creates it, and continues its chain.
    ///
    /// # Errors
    /// When it cannot be opened, is in use, or its last line is broken.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let file = open_private(path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Err(io(io::Error::other("not a regular file")));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let (head, length) = find_head(&file, path)?;
        sync_folder(path).map_err(io)?;
        let (entries, queue) = mpsc::channel(QUEUE);
        let writer = thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || Writer { file, length, head, is_lost: false }.run(queue))
            .map_err(io)?;
        Ok(Self { entries: Some(entries), writer: Some(writer) })
    }
}

impl Drop for FileAudit {
    fn drop(&mut self) {
        // The thread ends when it has written what was sent before the channel closed.
        self.entries = None;
        if self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the audit thread ended with a panic");
        }
    }
}

#[async_trait]
impl AuditLog for FileAudit {
    async fn append(&self, record: Record) -> Result<(), AuditError> {
        let (done, written) = oneshot::channel();
        let append = async {
            let entries = self.entries.as_ref().ok_or(AuditError)?;
            entries.send(Entry { record, done }).await.map_err(|_| AuditError)?;
            written.await.map_err(|_| AuditError)?
        };
        tokio::time::timeout(DEADLINE, append).await.map_err(|_| AuditError)?
    }
}

/// What the writer needs of a file. Tests put one in its place that fails.
trait Storage {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Storage for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.sync_data()
    }
}

struct Writer<S> {
    file: S,
    length: u64,
    head: Head,
    /// Whether nobody knows any more what the disk holds.
    is_lost: bool,
}

impl<S: Storage> Writer<S> {
    fn run(mut self, mut queue: mpsc::Receiver<Entry>) {
        let mut group = Vec::new();
        while queue.blocking_recv_many(&mut group, LARGEST_GROUP) > 0 {
            let written = self.write(&group);
            for entry in group.drain(..) {
                // Who gave up waiting was refused already.
                let _ = entry.done.send(written);
            }
        }
    }

    fn write(&mut self, group: &[Entry]) -> Result<(), AuditError> {
        if self.is_lost {
            return Err(AuditError);
        }
        let mut head = self.head.clone();
        let mut lines = Vec::new();
        for entry in group {
            head.push(&entry.record, &mut lines);
        }
        if let Err(error) = self.file.append(&lines) {
            tracing::error!(%error, "the audit file cannot be written");
            // A full disk may take half of a line. Without it the chain can go on later.
            self.is_lost = self.file.cut(self.length).is_err();
            return Err(AuditError);
        }
        if let Err(error) = self.file.sync() {
            // After a failed sync the kernel may have dropped what it held: trying again would
            // succeed and prove nothing.
            tracing::error!(%error, "the audit file cannot be made durable; restart the issuer");
            self.is_lost = true;
            return Err(AuditError);
        }
        self.length += lines.len() as u64;
        self.head = head;
        Ok(())
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new file survives a loss of power only when its folder was made durable too.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Reads the last line, and the length of the file.
fn find_head(mut file: &File, path: &Path) -> Result<(Head, u64), OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let length = file.seek(SeekFrom::End(0)).map_err(io)?;
    if length == 0 {
        return Ok((Head::start(), 0));
    }
    let start = length.saturating_sub(LONGEST_LINE);
    file.seek(SeekFrom::Start(start)).map_err(io)?;
    let mut tail = Vec::new();
    file.take(LONGEST_LINE).read_to_end(&mut tail).map_err(io)?;
    let without_end = tail.strip_suffix(b"\n").unwrap_or(&tail);
    let line = without_end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let head = Head::of_line(&tail[line..]).map_err(|cause| OpenError::Broken {
        path: path.to_owned(),
        cause,
        sound: start + line as u64,
    })?;
    Ok((head, length))
}

/// How long a record may wait for the disk before what it tells of is refused.
const DEADLINE: Duration = Duration::from_secs(5);

const QUEUE: usize = 1024;
const LARGEST_GROUP: usize = 256;

/// In bytes. Every field of a record is bounded, and together they are far below this.
const LONGEST_LINE: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Event, verify};
    use agentcred_protocol::clock::UnixTime;
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
        append_fails: bool,
        sync_fails: bool,
    }

    impl Storage for Disk {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            let mut state = self.0.lock().unwrap();
            if state.append_fails {
                state.bytes.extend_from_slice(&bytes[..bytes.len() / 2]);
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.bytes.extend_from_slice(bytes);
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            if self.0.lock().unwrap().sync_fails { Err(io::Error::other("gone")) } else { Ok(()) }
        }

        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.0.lock().unwrap().bytes.truncate(usize::try_from(length).unwrap());
            Ok(())
        }
    }

    fn entry() -> Entry {
        Entry { record: record("x"), done: oneshot::channel().0 }
    }

    #[test]
    fn a_full_disk_refuses_and_the_chain_goes_on_when_there_is_room() {
        let disk = Disk::default();
        let mut writer =
            Writer { file: disk.clone(), length: 0, head: Head::start(), is_lost: false };
        writer.write(&[entry()]).unwrap();
        disk.0.lock().unwrap().append_fails = true;
        assert!(writer.write(&[entry(), entry()]).is_err());
        disk.0.lock().unwrap().append_fails = false;
        writer.write(&[entry()]).unwrap();
        assert_eq!(verify(disk.0.lock().unwrap().bytes.as_slice()).unwrap().lines, 2);
    }

    #[test]
    fn after_a_failed_sync_nothing_is_written_any_more() {
        let disk = Disk::default();
        let mut writer =
            Writer { file: disk.clone(), length: 0, head: Head::start(), is_lost: false };
        disk.0.lock().unwrap().sync_fails = true;
        assert!(writer.write(&[entry()]).is_err());
        disk.0.lock().unwrap().sync_fails = false;
        assert!(writer.write(&[entry()]).is_err());
    }
}
