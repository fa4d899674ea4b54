//! The hash chain of an audit file: each line holds the hash of the one before it.
//!
//! A line is a JSON object that starts with `seq` and `prev` and ends with `hash`, which is
//! SHA-256 over all of the line before it. So a changed, missing, doubled or moved line is
//! found. Lines cut off at the end are not: keep the last hash elsewhere to notice that.

use std::borrow::Cow;
use std::io::{self, BufRead};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::Record;

/// The end of a chain: what the next line continues.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Head {
    seq: u64,
    hash: String,
}

impl Head {
    /// Where an empty file stands.
    pub(super) fn start() -> Self {
        Self { seq: 0, hash: "A".repeat(HASH_LENGTH) }
    }

    /// Appends the line of `record` and moves on to it.
    pub(super) fn push(&mut self, record: &Record, lines: &mut Vec<u8>) {
        let start = lines.len();
        self.seq += 1;
        let head = format!("{{\"seq\":{},\"prev\":\"{}\",", self.seq, self.hash);
        lines.extend_from_slice(head.as_bytes());
        // The record is a JSON object that is never empty; its own braces make way.
        let json = record.as_json().as_bytes();
        lines.extend_from_slice(&json[1..json.len() - 1]);
        self.hash = hash(&lines[start..]);
        lines.extend_from_slice(format!("{HASH_KEY}{}\"}}\n", self.hash).as_bytes());
    }

    /// The number of the last line, over all files of its audit.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// The hash of the last line.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }
}

/// A file whose chain holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many lines there are.
    pub lines: u64,
    /// The hash of the last one. Kept elsewhere, it shows later that no line was cut off.
    pub last_hash: String,
}

/// The first line at which a chain breaks.
#[derive(Debug, thiserror::Error)]
#[error("line {line} {cause}")]
#[non_exhaustive]
pub struct Broken {
    /// The line, from 1.
    pub line: u64,
    /// Why.
    pub cause: Cause,
}

/// Why a chain breaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A crash while it was written, if it is the last one.
    #[error("is incomplete")]
    Torn,
    /// Not a line of an audit.
    #[error("is not a line of an audit")]
    Malformed,
    /// Its own hash does not fit.
    #[error("was changed: its hash does not fit it")]
    Changed,
    /// It does not follow from the one before it.
    #[error("does not follow the line before it: a line was removed, added or moved")]
    OutOfPlace,
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Checks a whole file.
///
/// # Errors
/// With the first line that breaks the chain.
pub fn verify(mut file: impl BufRead) -> Result<Verified, Broken> {
    let mut head = Head::start();
    let mut line = Vec::new();
    loop {
        let number = head.seq + 1;
        let broken = |cause| Broken { line: number, cause };
        line.clear();
        let length = file.read_until(b'\n', &mut line).map_err(|error| broken(error.into()))?;
        if length == 0 {
            return Ok(Verified { lines: head.seq, last_hash: head.hash });
        }
        let link = Link::read(&line).map_err(broken)?;
        if !link.follows(&head) {
            return Err(broken(Cause::OutOfPlace));
        }
        head = link.head();
    }
}

/// What a line says of its place in the chain, and of the files of its audit.
#[derive(Deserialize)]
pub(super) struct Link<'l> {
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) prev: Cow<'l, str>,
    #[serde(borrow)]
    pub(super) hash: Cow<'l, str>,
    #[serde(borrow)]
    pub(super) replica: Option<Cow<'l, str>>,
    /// In the first line of a file that goes on after another: the name of that one.
    #[serde(borrow)]
    pub(super) after: Option<Cow<'l, str>>,
    /// In the last line of a file that is full: the name that it is kept under.
    #[serde(borrow)]
    pub(super) kept_as: Option<Cow<'l, str>>,
}

impl<'l> Link<'l> {
    /// Reads a line and checks its own hash.
    pub(super) fn read(line: &'l [u8]) -> Result<Self, Cause> {
        let link = Self::claimed(line)?;
        let line = line.strip_suffix(b"\n").ok_or(Cause::Torn)?;
        let ending = HASH_KEY.len() + HASH_LENGTH + "\"}".len();
        let end_of_hashed = line.len().checked_sub(ending).ok_or(Cause::Malformed)?;
        let (hashed, ending) = line.split_at(end_of_hashed);
        let hash = hash(hashed);
        if link.hash != hash || ending != format!("{HASH_KEY}{hash}\"}}").as_bytes() {
            return Err(Cause::Changed);
        }
        Ok(link)
    }

    /// Reads a line and takes its word for its hash.
    pub(super) fn claimed(line: &'l [u8]) -> Result<Self, Cause> {
        let line = line.strip_suffix(b"\n").ok_or(Cause::Torn)?;
        serde_json::from_slice(line).map_err(|_| Cause::Malformed)
    }

    pub(super) fn follows(&self, head: &Head) -> bool {
        self.seq == head.seq + 1 && self.prev == head.hash
    }

    /// The end of the chain before this line.
    pub(super) fn before(&self) -> Head {
        Head { seq: self.seq.saturating_sub(1), hash: self.prev.clone().into_owned() }
    }

    /// The end of the chain, if this is its last line.
    pub(super) fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash.clone().into_owned() }
    }
}

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, bytes))
}

const HASH_KEY: &str = ",\"hash\":\"";
const HASH_LENGTH: usize = 43;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Event;
    use agentcred_protocol::clock::UnixTime;
    use proptest::prelude::*;

    fn file(lines: u64) -> Vec<Vec<u8>> {
        let mut head = Head::start();
        (0..lines)
            .map(|number| {
                let event = Event::Start { epoch: &format!("epoch-{number}") };
                let record = Record::new(UnixTime::from_millis(number), None, &event).unwrap();
                let mut line = Vec::new();
                head.push(&record, &mut line);
                line
            })
            .collect()
    }

    fn broken_line(lines: &[Vec<u8>]) -> Option<u64> {
        verify(lines.concat().as_slice()).err().map(|broken| broken.line)
    }

    #[test]
    fn a_chain_that_was_left_alone_holds() {
        let lines = file(5);
        let verified = verify(lines.concat().as_slice()).unwrap();
        assert_eq!(verified.lines, 5);
        assert_eq!(Link::read(&lines[4]).unwrap().hash, verified.last_hash);
    }

    #[test]
    fn a_removed_moved_doubled_or_torn_line_is_named() {
        let lines = file(5);
        let mut removed = lines.clone();
        removed.remove(2);
        assert_eq!(broken_line(&removed), Some(3));
        let mut moved = lines.clone();
        moved.swap(1, 2);
        assert_eq!(broken_line(&moved), Some(2));
        let mut doubled = lines.clone();
        doubled.insert(3, lines[2].clone());
        assert_eq!(broken_line(&doubled), Some(4));
        let mut torn = lines.clone();
        torn[4].truncate(60);
        assert_eq!(broken_line(&torn), Some(5));
        assert_eq!(broken_line(&lines[1..]), Some(1));
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_found(position in any::<prop::sample::Index>(), flip in 1_u8..=255) {
            let lines = file(3);
            let mut bytes = lines.concat();
            let position = position.index(bytes.len());
            bytes[position] ^= flip;
            prop_assert!(verify(bytes.as_slice()).is_err());
        }
    }
}
