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
        usable(read(reference).await?, reference)
    }
}

fn usable(text: Zeroizing<Vec<u8>>, reference: &SecretRef) -> Result<Secret, SecretError> {
    Secret::new(text).map_err(|cause| SecretError::Unusable { reference: reference.clone(), cause })
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
        SecretRef::OpenBao { .. } | SecretRef::AwsSecretsManager { .. } => {
            Err(SecretError::Unsupported { reference: reference.clone() })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::ffi::OsString;
    use std::fmt;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::secrets::suite::{self, Shelf};
    use crate::secrets::write_private;

    /// Files, as they are.
    struct Folder(tempfile::TempDir);

    impl Shelf for Folder {
        fn store(&self) -> Arc<dyn SecretStore> {
            Arc::new(LocalSecrets)
        }

        fn reference(&self, name: &str) -> SecretRef {
            SecretRef::File(self.0.path().join(name))
        }

        async fn put(&self, name: &str, text: &str) {
            write_private(&self.0.path().join(name), text);
        }

        async fn remove(&self, name: &str) {
            std::fs::remove_file(self.0.path().join(name)).unwrap();
        }
    }

    /// An environment of the test's own: nobody may change that of a process with threads.
    #[derive(Clone, Default)]
    struct Environment(Arc<Mutex<HashMap<String, OsString>>>);

    impl fmt::Debug for Environment {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Environment(..)")
        }
    }

    #[async_trait]
    impl SecretStore for Environment {
        async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
            let SecretRef::Env(name) = reference else { panic!("{reference}") };
            let text = env::read_from(name, |name| self.0.lock().unwrap().get(name).cloned())?;
            usable(text, reference)
        }
    }

    impl Shelf for Environment {
        fn store(&self) -> Arc<dyn SecretStore> {
            Arc::new(self.clone())
        }

        fn reference(&self, name: &str) -> SecretRef {
            SecretRef::Env(name.to_owned())
        }

        async fn put(&self, name: &str, text: &str) {
            self.0.lock().unwrap().insert(name.to_owned(), text.into());
        }

        async fn remove(&self, name: &str) {
            self.0.lock().unwrap().remove(name);
        }
    }

    #[tokio::test]
    async fn files_pass_the_suite() {
        suite::run(&Folder(tempfile::tempdir().unwrap())).await;
    }

    #[tokio::test]
    async fn variables_pass_the_suite() {
        suite::run(&Environment::default()).await;
    }

    #[tokio::test]
    async fn what_another_store_has_is_refused() {
        for text in ["openbao:kv/stripe#key", "aws-secretsmanager:stripe"] {
            let elsewhere = SecretRef::read(text, Path::new("")).unwrap();
            let error = LocalSecrets.fetch(&elsewhere).await.unwrap_err();
            assert!(matches!(error, SecretError::Unsupported { .. }), "{error}");
        }
    }
}
