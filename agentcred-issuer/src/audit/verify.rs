//! Checks whole audits: each file by itself, then that together they are whole.
//!
//! Files belong together by the hashes in them, whatever their names are: one goes on where
//! another ends. So files of several issuers can be checked at once, and a missing file is found.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use super::chain::{Cause, Head, Link};

/// An audit whose chain holds from its first line to its last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedAudit {
    /// Its files, in the order in which they were written.
    pub files: Vec<PathBuf>,
    /// The issuer that wrote it, if it has a name.
    pub replica: Option<String>,
    /// How many lines there are in these files.
    pub lines: u64,
    /// The hash of the last one. Kept elsewhere, it shows later that no line was cut off.
    pub last_hash: String,
}

/// What is wrong with an audit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// A line breaks the chain of its file. It is the first one that does.
    #[error("{}: line {line} {cause}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why.
        cause: Cause,
    },
    /// What a file goes on after is in none of the files.
    #[error(
        "{}: line 1 goes on after line {after} of its audit, which is in none of these files{}; \
         a file or a line is missing", file.display(), named("which was kept as", name.as_deref())
    )]
    NoBeginning {
        /// The file.
        file: PathBuf,
        /// The number of the line before it, over all files.
        after: u64,
        /// The name of the file before it, if it is known.
        name: Option<String>,
    },
    /// A file is closed and goes on in another one, which is none of the files.
    #[error(
        "{}: the file that goes on after it is missing or empty; an issuer that ended just then \
         writes it when it is started", file.display()
    )]
    NoEnd {
        /// The file.
        file: PathBuf,
    },
    /// Two files go on after the same line.
    #[error("{}: goes on after the same line as {}", file.display(), other.display())]
    Fork {
        /// One file.
        file: PathBuf,
        /// The other one.
        other: PathBuf,
    },
    /// Two files end with the same line.
    #[error("{}: is a copy of {}", file.display(), other.display())]
    Copy {
        /// One file.
        file: PathBuf,
        /// The other one.
        other: PathBuf,
    },
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn named(words: &str, name: Option<&str>) -> String {
    name.map(|name| format!(", {words} {name}")).unwrap_or_default()
}

/// Checks files of one audit or of several. `kept` has last hashes of files that were taken
/// away: what goes on after one of them needs no file before it. While it works, `on_read` is
/// told now and then how many bytes were read.
///
/// # Errors
/// With the first flaw of each file, and of what they are together.
pub fn verify_files(
    files: &[PathBuf],
    kept: &[String],
    on_read: &(dyn Fn(u64) + Sync),
) -> Result<Vec<VerifiedAudit>, Vec<Flaw>> {
    let mut flaws = Vec::new();
    let mut parts = Vec::new();
    for (part, flaw) in read_all(files, on_read) {
        parts.extend(part);
        flaws.extend(flaw);
    }
    let audits = join(&parts, kept, &mut flaws);
    if flaws.is_empty() { Ok(audits) } else { Err(flaws) }
}

/// One file, as it says of itself.
struct Part<'f> {
    file: &'f Path,
    lines: u64,
    /// The number of the line before the first, over all files, and its hash.
    before: Head,
    /// The name of the file before it.
    after: Option<String>,
    end: Head,
    is_closed: bool,
    replica: Option<String>,
}

/// As many at a time as the machine has processors.
fn read_all<'f>(
    files: &'f [PathBuf],
    on_read: &(dyn Fn(u64) + Sync),
) -> Vec<(Option<Part<'f>>, Option<Flaw>)> {
    let next = AtomicUsize::new(0);
    let read = AtomicU64::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(position) else { return done };
            let on_read = |bytes| on_read(read.fetch_add(bytes, Ordering::Relaxed) + bytes);
            done.push((position, read_part(file, &on_read)));
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(files.len());
    let mut done: Vec<_> = thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        // A worker that panicked is a defect of this code, which must not pass for a sound audit.
        done.extend(others.into_iter().flat_map(|it| match it.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }));
        done
    });
    done.sort_by_key(|(position, _)| *position);
    done.into_iter().map(|(_, read)| read).collect()
}

fn read_part<'f>(file: &'f Path, on_read: &dyn Fn(u64)) -> (Option<Part<'f>>, Option<Flaw>) {
    let unreadable = |source| (None, Some(Flaw::Io { file: file.to_owned(), source }));
    let mut reader = match File::open(file) {
        Ok(opened) => BufReader::with_capacity(READ_AT_ONCE, opened),
        Err(error) => return unreadable(error),
    };
    let mut part: Option<Part<'f>> = None;
    let mut flaw = None;
    let (mut line, mut number, mut unreported) = (Vec::new(), 0, 0);
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(length) => unreported += length as u64,
            Err(error) => return unreadable(error),
        }
        if unreported >= READ_AT_ONCE as u64 {
            on_read(std::mem::take(&mut unreported));
        }
        number += 1;
        if let Err(cause) = follow(&mut part, file, &line)
            && flaw.is_none()
        {
            flaw = Some(Flaw::Line { file: file.to_owned(), line: number, cause });
        }
    }
    on_read(unreported);
    (part, flaw)
}

/// Takes one more line. What follows a broken one still says where the file belongs.
fn follow<'f>(part: &mut Option<Part<'f>>, file: &'f Path, line: &[u8]) -> Result<(), Cause> {
    let (link, sound) = match Link::read(line) {
        Ok(link) => (link, Ok(())),
        Err(cause) => match Link::claimed(line) {
            Ok(link) => (link, Err(cause)),
            Err(_) => return Err(cause),
        },
    };
    let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    let end = link.head();
    let Some(part) = part else {
        *part = Some(Part {
            file,
            lines: 1,
            before: link.before(),
            after: owned(link.after),
            end,
            is_closed: link.kept_as.is_some(),
            replica: owned(link.replica),
        });
        return sound;
    };
    let is_in_place = link.follows(&part.end);
    part.lines += 1;
    part.end = end;
    part.is_closed = link.kept_as.is_some();
    sound?;
    if is_in_place { Ok(()) } else { Err(Cause::OutOfPlace) }
}

/// Finds what each file goes on after.
fn join(parts: &[Part<'_>], kept: &[String], flaws: &mut Vec<Flaw>) -> Vec<VerifiedAudit> {
    let mut ends: HashMap<&Head, &Part<'_>> = HashMap::new();
    for part in parts {
        if let Some(other) = ends.insert(&part.end, part) {
            let (file, other) = (part.file.to_owned(), other.file.to_owned());
            flaws.push(Flaw::Copy { file, other });
        }
    }
    let mut next: HashMap<&Head, &Part<'_>> = HashMap::new();
    let mut first = Vec::new();
    for part in parts {
        if part.before == Head::start() || kept.iter().any(|hash| hash == part.before.hash()) {
            first.push(part);
        } else if !ends.contains_key(&part.before) {
            let (file, after) = (part.file.to_owned(), part.before.seq());
            flaws.push(Flaw::NoBeginning { file, after, name: part.after.clone() });
        } else if let Some(other) = next.insert(&part.before, part) {
            let (file, other) = (part.file.to_owned(), other.file.to_owned());
            flaws.push(Flaw::Fork { file, other });
        }
    }
    for part in parts {
        if part.is_closed && !next.contains_key(&part.end) {
            flaws.push(Flaw::NoEnd { file: part.file.to_owned() });
        }
    }
    first.into_iter().map(|part| follow_on(part, &mut next)).collect()
}

fn follow_on(first: &Part<'_>, next: &mut HashMap<&Head, &Part<'_>>) -> VerifiedAudit {
    let (mut files, mut lines, mut last) = (Vec::new(), 0, first);
    loop {
        files.push(last.file.to_owned());
        lines += last.lines;
        match next.remove(&last.end) {
            Some(part) => last = part,
            None => break,
        }
    }
    let (replica, last_hash) = (last.replica.clone(), last.end.hash().to_owned());
    VerifiedAudit { files, replica, lines, last_hash }
}

/// In bytes.
const READ_AT_ONCE: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
