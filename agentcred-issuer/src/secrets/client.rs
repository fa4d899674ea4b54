//! What a store's tests ask it with: the issuer's own stores, by a configuration that names it.

use std::path::Path;
use std::sync::Arc;

use agentcred_protocol::clock::{ManualClock, UnixTime};
use aws_lc_rs::rand::SystemRandom;
use tempfile::TempDir;

use super::{
    Secret, SecretError, SecretRef, SecretStore as _, StoreParts, Stores, Unavailable,
    write_private,
};
use crate::config::Config;
use crate::resolver::SystemResolver;

pub(crate) struct Client {
    pub(crate) stores: Arc<Stores>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) folder: TempDir,
}

impl Client {
    /// A client of the store that this part of a configuration names, and what its login reads
    /// from the file `id`.
    pub(crate) fn new(store: &str, id: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_private(&folder.path().join("id"), id);
        let text = format!("audit.file = \"audit.jsonl\"\n{store}");
        let config = Config::parse(&text, folder.path()).unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let parts = StoreParts {
            clock: Arc::clone(&clock) as _,
            random: Arc::new(SystemRandom::new()),
            resolver: Arc::new(SystemResolver),
        };
        let stores = Arc::new(Stores::of(&config.stores, &parts));
        Self { stores, clock, folder }
    }

    pub(crate) async fn secret(&self, reference: &str) -> Result<Secret, SecretError> {
        self.stores.fetch(&SecretRef::read(reference, Path::new("")).unwrap()).await
    }

    pub(crate) async fn fetch(&self, reference: &str) -> Result<String, SecretError> {
        let secret = self.secret(reference).await?;
        Ok(secret.header_value("", "").unwrap().to_str().unwrap().to_owned())
    }

    /// The cause for which the store cannot be asked.
    pub(crate) async fn cut_off(&self, reference: &str) -> Unavailable {
        match self.fetch(reference).await.unwrap_err() {
            SecretError::Unavailable { cause, .. } => cause,
            other => panic!("{other}"),
        }
    }
}

const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
