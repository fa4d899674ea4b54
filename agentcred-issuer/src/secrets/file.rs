//! Secrets in files that nobody but the issuer can read.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::failure::Failure;
use super::{Secret, SecretError, SecretRef};

/// A way to read a file.
type Reading = fn(&Path) -> Result<Zeroizing<Vec<u8>>, SecretError>;

/// Reads a file that nobody else can read.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    read_if(path, |metadata| !others_can_read(metadata))
}

/// Reads a file that the machine gives this process, to whom else it may.
pub(super) fn read_projected(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    read_if(path, |_| true)
}

fn read_if(
    path: &Path,
    is_guarded: impl FnOnce(&Metadata) -> bool,
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let reference = || SecretRef::File(path.to_owned());
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SecretError::Missing { reference: reference() },
        _ => SecretError::Unreadable { reference: reference(), source },
    };
    let file = File::open(path).map_err(unreadable)?;
    // The open file is asked and not the path, which may lead elsewhere by now.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("not a regular file")));
    }
    if !is_guarded(&metadata) {
        return Err(SecretError::Exposed { reference: reference() });
    }
    // Sized at once: a vector that grows would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MOST));
    file.take(MOST as u64).read_to_end(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Reads what a login shows a store, in one of these ways.
pub(super) async fn secret(path: &Path, how: Reading) -> Result<Secret, Failure> {
    let reference = SecretRef::File(path.to_owned());
    let path = path.to_owned();
    // A file may lie on a slow mount.
    let text = match tokio::task::spawn_blocking(move || how(&path)).await {
        Ok(read) => read.map_err(Failure::Login)?,
        Err(_) => return Err(Failure::Login(SecretError::Missing { reference })),
    };
    let unusable = |cause| Failure::Login(SecretError::Unusable { reference, cause });
    Secret::new(text).map_err(unusable)
}

#[cfg(unix)]
fn others_can_read(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    is_exposed(metadata.mode(), metadata.uid(), rustix::process::geteuid().as_raw())
}

/// A file of root's that another user reads by its group was handed over like that: systemd and
/// Kubernetes do so. Any other one is the issuer's own, and no group need read it.
#[cfg(unix)]
const fn is_exposed(mode: u32, owner: u32, reader: u32) -> bool {
    let is_handed_over = owner == 0 && reader != 0;
    mode & if is_handed_over { 0o037 } else { 0o077 } != 0
}

/// Windows keeps access lists, which the standard library does not read.
#[cfg(not(unix))]
fn others_can_read(_: &Metadata) -> bool {
    false
}

/// More than the longest secret, so that a longer file is noticed.
const MOST: usize = 8192;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn write_private(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let owner_only = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(path, owner_only).unwrap();
        }
    }

    #[test]
    fn a_missing_file_or_a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = read(&folder.path().join("key")).unwrap_err();
        assert!(matches!(missing, SecretError::Missing { .. }));
        assert!(matches!(read(folder.path()), Err(SecretError::Unreadable { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_private(&path, "sk_live_1");
        assert_eq!(read(&path).unwrap().as_slice(), b"sk_live_1");
        for mode in [0o640, 0o604, 0o660] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = read(&path).unwrap_err();
            assert!(matches!(refused, SecretError::Exposed { .. }), "{mode:o}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_group_may_read_what_root_hands_over_and_nothing_else() {
        const ME: u32 = 65532;
        assert!(!is_exposed(0o400, ME, ME) && !is_exposed(0o600, 0, 0));
        assert!(!is_exposed(0o440, 0, ME) && !is_exposed(0o400, 0, ME));
        for mode in [0o444, 0o404, 0o460, 0o450, 0o441] {
            assert!(is_exposed(mode, 0, ME), "{mode:o}");
        }
        // Root reads its own files as everybody does, and nobody another user's.
        assert!(is_exposed(0o440, 0, 0) && is_exposed(0o440, ME, ME) && is_exposed(0o440, 7, ME));
    }
}
