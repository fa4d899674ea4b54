//! The secrets of this machine: environment variables and files, read anew for every request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{Secret, SecretError, SecretRef, SecretStore, env, file};

/// Reads `env:` and `file:` references.
///
/// What is read is compared with what was read before, so that the forms a key is searched in
/// are not built again for each request.
#[derive(Debug, Default)]
pub struct LocalSecrets {
    last: Mutex<HashMap<SecretRef, Arc<Secret>>>,
}

#[async_trait]
impl SecretStore for LocalSecrets {
    async fn fetch(&self, reference: &SecretRef) -> Result<Arc<Secret>, SecretError> {
        let text = read(reference).await?;
        if let Some(secret) = self.last().get(reference)
            && secret.was_made_from(&text)
        {
            return Ok(Arc::clone(secret));
        }
        let secret = Secret::new(text)
            .map_err(|cause| SecretError::Unusable { reference: reference.clone(), cause })?;
        let secret = Arc::new(secret);
        self.last().insert(reference.clone(), Arc::clone(&secret));
        Ok(secret)
    }
}

impl LocalSecrets {
    fn last(&self) -> std::sync::MutexGuard<'_, HashMap<SecretRef, Arc<Secret>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
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
    async fn a_changed_file_is_seen_and_an_unchanged_one_is_not_taken_apart_again() {
        let folder = tempfile::tempdir().unwrap();
        let reference = SecretRef::File(folder.path().join("key"));
        let store = LocalSecrets::default();
        write_private(&folder.path().join("key"), "sk_live_1\n");
        let first = store.fetch(&reference).await.unwrap();
        let again = store.fetch(&reference).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        write_private(&folder.path().join("key"), "sk_live_2\n");
        let changed = store.fetch(&reference).await.unwrap();
        assert_eq!(changed.header_value("", "").unwrap(), "sk_live_2");
    }
}
