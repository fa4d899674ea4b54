//! Key sets of those whose tokens are believed: in a file that was read with the configuration, or
//! at a URL that is asked.

mod remote;

use std::sync::Arc;

use agentcred_protocol::key_set::KeySet;

use crate::vault::Vault;

pub(crate) use remote::RemoteKeys;

/// Where somebody's keys are.
#[derive(Debug)]
pub(crate) enum KeySource {
    /// Here.
    Known(Arc<KeySet>),
    /// At a URL.
    Remote(Arc<RemoteKeys>),
}

/// Whether the key that a token names is in a set, or the token names none.
pub(crate) type HasKey<'t> = &'t (dyn Fn(&KeySet) -> bool + Sync);

/// There are no keys to check a token with: the URL has not answered for too long.
#[derive(Debug)]
pub(crate) struct NoKeys;

impl KeySource {
    /// The keys to check a token with. When the one that it names is not among them, the URL is asked
    /// for newer ones, though not often.
    pub(crate) async fn keys_for(
        &self,
        has_key: HasKey<'_>,
        vault: &Vault,
    ) -> Result<Arc<KeySet>, NoKeys> {
        match self {
            Self::Known(keys) => Ok(Arc::clone(keys)),
            Self::Remote(keys) => keys.keys_for(has_key, vault).await,
        }
    }
}
