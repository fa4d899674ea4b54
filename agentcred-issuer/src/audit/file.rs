//! An audit file: JSON lines in a hash chain, made durable in groups by a thread of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use super::chain::Cause;
use super::event::Event;
use super::files::{End, Files, Step};
use super::{AuditError, AuditLog, Record};

/// Appends to one file at a time, which no other process may have open.
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
        Self::start(path, None)
    }

    /// The same, and a file that has reached so many bytes is kept under another name while the
    /// chain goes on in a new one. A file may be larger by what is written at a time.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_rotating(path: &Path, max_size: u64) -> Result<Self, OpenError> {
        Self::start(path, Some(max_size))
    }

    fn start(path: &Path, max_size: Option<u64>) -> Result<Self, OpenError> {
        let (files, end) = Files::open(path)?;
        Self::written_by(Writer { storage: files, end, max_size, is_lost: false })
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })
    }

    fn written_by<S: Storage + Send + 'static>(writer: Writer<S>) -> io::Result<Self> {
        let (entries, queue) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("audit".to_owned());
        let writer = thread.spawn(move || writer.run(queue))?;
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

/// What the writer needs of its files. Tests put some in their place that fail.
pub(super) trait Storage {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// The name that the file of this number is kept under.
    fn kept_name(&self, number: u64) -> String;
    /// Gives the file that name.
    fn keep_as(&mut self, name: &str) -> io::Result<()>;
    /// Makes an empty file in its place, or takes the one that is there, and makes this and the
    /// other's name durable.
    fn begin(&mut self) -> io::Result<()>;
}

struct Writer<S> {
    storage: S,
    end: End,
    /// How long a file may become; none for as long as it does.
    max_size: Option<u64>,
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
        let Some(first) = group.first() else { return Ok(()) };
        self.turn_over(&first.record)?;
        self.put(group.iter().map(|entry| &entry.record))
    }

    /// Goes on in a new file when the one that is written is full. Each step can be the first one
    /// after a crash, or be tried again after it failed.
    fn turn_over(&mut self, record: &Record) -> Result<(), AuditError> {
        loop {
            match self.end.step {
                Step::Written if self.is_full() => {
                    let kept_as = self.storage.kept_name(self.end.kept + 1);
                    self.put([&record.beside(&Event::Rotate { kept_as: &kept_as })?])?;
                    self.end.step = Step::Closed;
                }
                Step::Written => return Ok(()),
                Step::Closed => {
                    let name = self.storage.kept_name(self.end.kept + 1);
                    self.storage.keep_as(&name).map_err(|error| unturned(&error))?;
                    self.end.kept += 1;
                    self.end.step = Step::Moved;
                }
                Step::Moved => {
                    self.storage.begin().map_err(|error| unturned(&error))?;
                    self.end.length = 0;
                    self.end.step = Step::Begun;
                }
                Step::Begun => {
                    let after = self.storage.kept_name(self.end.kept);
                    self.put([&record.beside(&Event::Continue { after: &after })?])?;
                    self.end.step = Step::Written;
                    // Each file takes a record, however small it may be.
                    return Ok(());
                }
            }
        }
    }

    fn is_full(&self) -> bool {
        self.max_size.is_some_and(|max| self.end.length >= max)
    }

    /// Appends records and makes them durable: all of them or none.
    fn put<'r>(&mut self, records: impl IntoIterator<Item = &'r Record>) -> Result<(), AuditError> {
        if self.is_lost {
            return Err(AuditError);
        }
        let mut head = self.end.head.clone();
        let mut lines = Vec::new();
        for record in records {
            head.push(record, &mut lines);
        }
        if let Err(error) = self.storage.append(&lines) {
            tracing::error!(%error, "the audit file cannot be written");
            // A full disk may take half of a line. Without it the chain can go on later.
            self.is_lost = self.storage.cut(self.end.length).is_err();
            return Err(AuditError);
        }
        if let Err(error) = self.storage.sync() {
            // After a failed sync the kernel may have dropped what it held: trying again would
            // succeed and prove nothing.
            tracing::error!(%error, "the audit file cannot be made durable; restart the issuer");
            self.is_lost = true;
            return Err(AuditError);
        }
        self.end.length += lines.len() as u64;
        self.end.head = head;
        Ok(())
    }
}

fn unturned(error: &io::Error) -> AuditError {
    tracing::error!(%error, "the audit cannot go on in a new file");
    AuditError
}

/// How long a record may wait for the disk before what it tells of is refused.
const DEADLINE: Duration = Duration::from_secs(5);

const QUEUE: usize = 1024;
const LARGEST_GROUP: usize = 256;

#[cfg(test)]
mod tests;
