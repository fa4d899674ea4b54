//! Checks the audit: where it is written, and how large a file of it may become.

use std::path::{Path, PathBuf};

use super::finding::{Findings, Key};
use super::raw::RawAudit;
use crate::audit::{FileAudit, OpenError};

/// Where the audit is written.
#[derive(Debug)]
pub(crate) struct AuditConfig {
    pub(crate) file: PathBuf,
    /// In bytes.
    max_size: Option<u64>,
}

impl AuditConfig {
    /// Opens its file or creates it.
    ///
    /// # Errors
    /// When it cannot be continued.
    pub(crate) fn open(&self) -> Result<FileAudit, OpenError> {
        match self.max_size {
            None => FileAudit::open(&self.file),
            Some(max_size) => FileAudit::open_rotating(&self.file, max_size),
        }
    }
}

pub(super) fn check(raw: &RawAudit, folder: &Path, findings: &mut Findings<'_>) -> AuditConfig {
    let at = Key::root("audit");
    if raw.file.as_os_str().is_empty() {
        findings.error(&at.field("file"), "must name a file; no audit, no service");
    }
    let max_size = raw.max_size.as_deref().and_then(|text| {
        let size = read_size(text).filter(|size| (SMALLEST..=LARGEST).contains(size));
        if size.is_none() {
            findings.error(&at.field("max_size"), "must be 64KiB to 1TiB, as 64MiB");
        }
        size
    });
    AuditConfig { file: folder.join(&raw.file), max_size }
}

/// Reads a size as `64MiB`, in bytes.
fn read_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    let unit = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1_u64 << 40,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(unit)
}

const SMALLEST: u64 = 64 << 10;
const LARGEST: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        assert_eq!(read_size("64KiB"), Some(SMALLEST));
        assert_eq!(read_size("3GiB"), Some(3 << 30));
        assert_eq!(read_size("1TiB"), Some(LARGEST));
        for text in ["", "64", "MiB", "+1MiB", "1 MiB", "1.5MiB", "1mib", "1MB", "99999999999TiB"] {
            assert_eq!(read_size(text), None, "{text}");
        }
    }
}
