//! The files of an audit: the one that is written, and beside it those that were full before.
//!
//! `audit.jsonl` is written. When it is full it is kept as `audit.jsonl.000001`, then the next one
//! as `audit.jsonl.000002`. The last line of a kept file says under which name it is kept, and
//! the first line of the next one which file it goes on after.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::chain::{Cause, Head, Link};
use super::file::{OpenError, Storage};

/// The file that is written, which no other process may have open.
pub(super) struct Files {
    path: PathBuf,
    file: File,
}

/// How far the audit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) head: Head,
    /// Of the file that is written, in bytes.
    pub(super) length: u64,
    /// How many files were kept so far.
    pub(super) kept: u64,
    pub(super) step: Step,
}

/// How far the change from one file to the next is. A crash may leave it at any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The file is written.
    Written,
    /// It has its last line.
    Closed,
    /// It has its other name, and no file has its place.
    Moved,
    /// The next file is there, without a line.
    Begun,
}

impl Files {
    /// Opens a file or creates it, and finds the end of its audit.
    pub(super) fn open(path: &Path) -> Result<(Self, End), OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let file = open_private(path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Err(io(io::Error::other("not a regular file")));
        }
        lock(&file, path)?;
        sync_folder(path).map_err(io)?;
        // Kept files may have been taken elsewhere; their numbers are not given again.
        let kept = last_kept(path).map_err(io)?.max(kept_before(&file).map_err(io)?);
        let end = match (find_end(&file, path, kept)?, kept) {
            (Some(end), _) => end,
            (None, 0) => End { head: Head::start(), length: 0, kept: 0, step: Step::Written },
            // The issuer ended between the files.
            (None, _) => {
                let before = path.with_file_name(kept_name(path, kept));
                let opened = File::open(&before)
                    .map_err(|source| OpenError::Io { path: before.clone(), source })?;
                match find_end(&opened, &before, kept)? {
                    Some(end) => End { length: 0, step: Step::Begun, ..end },
                    None => return Err(io(io::Error::other("the file kept before it is empty"))),
                }
            }
        };
        Ok((Self { path: path.to_owned(), file }, end))
    }
}

impl Storage for Files {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_data()
    }

    fn kept_name(&self, number: u64) -> String {
        kept_name(&self.path, number)
    }

    fn keep_as(&mut self, name: &str) -> io::Result<()> {
        let kept = self.path.with_file_name(name);
        if kept.try_exists()? {
            return Err(io::Error::other(format!("{} is there already", kept.display())));
        }
        fs::rename(&self.path, kept)
    }

    fn begin(&mut self) -> io::Result<()> {
        let file = open_private(&self.path)?;
        lock(&file, &self.path).map_err(io::Error::other)?;
        if file.metadata()?.len() > 0 {
            return Err(io::Error::other("another process wrote to it"));
        }
        sync_folder(&self.path)?;
        self.file = file;
        Ok(())
    }
}

/// The files that are meant by names: of a file also those that were kept before it, and of a
/// folder every audit in it, `*.jsonl` and `*.jsonl.000001`. Each is there once.
///
/// # Errors
/// When one is not there, or a folder has no audit.
pub fn audit_files(named: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut files = BTreeSet::new();
    for path in named {
        let about = |error: io::Error| {
            io::Error::new(error.kind(), format!("{} cannot be opened: {error}", path.display()))
        };
        if fs::metadata(path).map_err(about)?.is_dir() {
            let before = files.len();
            add_folder(path, &mut files).map_err(about)?;
            if files.len() == before {
                let message = format!("{} has no file *.jsonl in it", path.display());
                return Err(io::Error::new(io::ErrorKind::NotFound, message));
            }
        } else {
            files.insert(path.clone());
            for number in kept_numbers(path).map_err(about)? {
                files.insert(path.with_file_name(kept_name(path, number)));
            }
        }
    }
    let mut seen = BTreeSet::new();
    let mut once = Vec::new();
    for file in files {
        if seen.insert(fs::canonicalize(&file)?) {
            once.push(file);
        }
    }
    Ok(once)
}

fn add_folder(folder: &Path, files: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            add_folder(&path, files)?;
        } else if is_audit(&path) {
            files.insert(path);
        }
    }
    Ok(())
}

fn is_audit(path: &Path) -> bool {
    let has_ending = |path: &Path| path.extension().is_some_and(|it| it == "jsonl");
    let ending = path.extension().unwrap_or_default();
    let is_kept = number(ending.to_str()).is_some() && has_ending(&path.with_extension(""));
    has_ending(path) || is_kept
}

fn kept_name(path: &Path, number: u64) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}.{number:06}")
}

/// The number at the end of a kept file's name.
fn number(ending: Option<&str>) -> Option<u64> {
    let digits = ending?;
    let is_number = digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

fn kept_numbers(path: &Path) -> io::Result<Vec<u64>> {
    let start = format!("{}.", path.file_name().unwrap_or_default().to_string_lossy());
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder_of(path))? {
        let name = entry?.file_name();
        numbers.extend(number(name.to_str().and_then(|name| name.strip_prefix(&start))));
    }
    Ok(numbers)
}

fn last_kept(path: &Path) -> io::Result<u64> {
    Ok(kept_numbers(path)?.into_iter().max().unwrap_or(0))
}

/// The number of the file that a file says it goes on after.
fn kept_before(file: &File) -> io::Result<u64> {
    let mut line = Vec::new();
    BufReader::new(file).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    let after = Link::read(&line).ok().and_then(|link| link.after);
    let ending = after.as_deref().and_then(|name| name.rsplit('.').next());
    Ok(number(ending).unwrap_or(0))
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn lock(file: &File, path: &Path) -> Result<(), OpenError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => OpenError::InUse { path: path.to_owned() },
        TryLockError::Error(source) => OpenError::Io { path: path.to_owned(), source },
    })
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A new file, and a new name of one, survives a loss of power only when its folder was made
/// durable too.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

/// Reads the last line of a file. None when it has none.
fn find_end(mut file: &File, path: &Path, kept: u64) -> Result<Option<End>, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let length = file.seek(SeekFrom::End(0)).map_err(io)?;
    if length == 0 {
        return Ok(None);
    }
    let start = length.saturating_sub(LONGEST_LINE);
    file.seek(SeekFrom::Start(start)).map_err(io)?;
    let mut tail = Vec::new();
    file.take(LONGEST_LINE).read_to_end(&mut tail).map_err(io)?;
    let without_end = tail.strip_suffix(b"\n").unwrap_or(&tail);
    let line = without_end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let broken = |cause: Cause| OpenError::Broken {
        path: path.to_owned(),
        cause,
        sound: start + line as u64,
    };
    let link = Link::read(&tail[line..]).map_err(broken)?;
    let step = if link.kept_as.is_some() { Step::Closed } else { Step::Written };
    Ok(Some(End { head: link.head(), length, kept, step }))
}

/// In bytes. Every field of a record is bounded, and together they are far below this.
const LONGEST_LINE: u64 = 64 * 1024;
