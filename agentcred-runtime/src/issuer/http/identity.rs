//! What an agent proves itself with: a key of its own, or a file in which somebody else says who it is.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use agentcred_protocol::assertion::{self, Claimed};
use agentcred_protocol::clock::{Clock as _, SystemClock};
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::random::fresh_id;
use agentcred_protocol::request::{task_form, user_task_form, workload_task_form};
use url::Url;
use zeroize::Zeroizing;

use crate::issuer::{IssuerError, OpenTask};

/// What an agent proves itself with.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// A private key. Each assertion is made for one request.
    Key(std::sync::Arc<SigningKey>),
    /// A file that a platform writes: a JWT-SVID, the token of a Kubernetes service account.
    AssertionFile(PathBuf),
}

impl Identity {
    /// The form that asks for a task.
    pub(super) async fn task_form(
        &self,
        wish: &OpenTask,
        issuer: &Url,
    ) -> Result<Zeroizing<String>, IssuerError> {
        let OpenTask { agent, task, user } = wish;
        match self {
            Self::Key(key) => {
                let id = fresh_id().map_err(|_| IssuerError::Local)?;
                let signed = assertion::sign(key, agent, issuer, &id, SystemClock.now());
                let signed = Zeroizing::new(signed.map_err(|_| IssuerError::Local)?);
                Ok(match user {
                    None => task_form(&signed, task),
                    Some(user) => user_task_form(&signed, task, user),
                })
            }
            Self::AssertionFile(file) => {
                let assertion = read_anew(file.clone()).await?;
                Ok(workload_task_form(&assertion, agent, task, user.as_ref()))
            }
        }
    }
}

/// Reads the file for one use: its platform replaces it before it ends.
async fn read_anew(file: PathBuf) -> Result<Zeroizing<String>, IssuerError> {
    let read = tokio::task::spawn_blocking(move || read_assertion(&file)).await;
    read.map_err(|_| IssuerError::Local)?.map_err(IssuerError::Misconfigured)
}

/// The assertion in a file, or what is wrong with the file. Nothing of its content is repeated.
pub(crate) fn read_assertion(file: &Path) -> Result<Zeroizing<String>, String> {
    // Sized at once: a string that grows would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(LARGEST_FILE));
    std::fs::File::open(file)
        .and_then(|open| open.take(LARGEST_FILE as u64).read_to_string(&mut text))
        .map_err(|error| format!("{} cannot be read: {}", file.display(), error.kind()))?;
    let end = text.trim_end().len();
    text.truncate(end);
    match Claimed::of(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(format!(
            "{} holds no JWT with a subject; is its platform up, and the file the token's?",
            file.display()
        )),
    }
}

/// In bytes. The issuer takes no longer assertion than half of it.
const LARGEST_FILE: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzcGlmZmU6Ly9kL2EifQ.AAAA";

    #[tokio::test]
    async fn a_file_is_read_for_each_use() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let (one, other) = (format!("{TOKEN}\n"), TOKEN.replace("AAAA", "BBBB"));
        for text in [&one, &other] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(*read_anew(file.clone()).await.unwrap(), text.trim_end());
        }
    }

    #[test]
    fn what_is_no_token_is_refused_by_the_name_of_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        assert!(read_assertion(&file).unwrap_err().contains("token cannot be read"));
        for text in ["", "canary", "canary.canary.canary", &"canary".repeat(10_000)] {
            std::fs::write(&file, text).unwrap();
            let refused = read_assertion(&file).unwrap_err();
            assert!(refused.contains("token holds no JWT"), "{refused}");
            assert!(!refused.contains("canary"), "{refused}");
        }
    }
}
