//! The secrets of this machine: environment variables and files.

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{Secret, SecretError, SecretRef, SecretStore, env, file};

/// Reads `env:` and `file:` references.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LocalSecrets;

#[async_trait]
impl SecretStore for LocalSecrets {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let text = read(reference).await?;
        Secret::new(text)
            .map_err(|cause| SecretError::Unusable { reference: reference.clone(), cause })
    }
}

async fn read(reference: &SecretRef) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    match reference {
        SecretRef::Env(name) => env::read(name),
        SecretRef::File(path) => {
            let path = path.clone();
            // A file may lie on a slow mount.
            match tokio::task::spawn_blocking(move || file::read(&path)).await {
                Ok(read) => read,
                Err(_) => Err(SecretError::Missing { reference: reference.clone() }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::write_private;

    #[tokio::test]
    async fn a_file_is_read_each_time_that_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let reference = SecretRef::File(folder.path().join("key"));
        for text in ["sk_live_1", "sk_live_2"] {
            write_private(&folder.path().join("key"), text);
            let secret = LocalSecrets.fetch(&reference).await.unwrap();
            assert_eq!(secret.header_value("", "").unwrap(), text);
        }
    }
}
