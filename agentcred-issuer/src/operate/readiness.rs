//! Readiness: whether a decision could be made now, and if not, for want of what.

use std::time::Duration;

use agentcred_protocol::token::GrantToken;
use futures_util::future::join_all;
use http::StatusCode;
use serde::Serialize;

use super::routes::json;
use crate::reply::Reply;
use crate::vault::Vault;

/// Asks everything that a call needs, and answers 503 with the names of what fails.
pub(super) async fn readiness(vault: &Vault) -> Reply {
    #[derive(Serialize)]
    struct Body {
        status: &'static str,
        failing: Vec<String>,
    }
    let (audit, ledger, keys) =
        tokio::join!(in_time(vault.audit_is_sound()), in_time(ledger_answers(vault)), keys(vault));
    let mut failing = Vec::new();
    for (name, is_sound) in [("audit", audit), ("ledger", ledger)] {
        if !is_sound {
            failing.push(name.to_owned());
        }
    }
    failing.extend(keys);
    let is_ready = failing.is_empty();
    let mut reply = json(&Body { status: if is_ready { "ready" } else { "not_ready" }, failing });
    if !is_ready {
        *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    reply
}

/// A grant that nobody has is asked for: what matters is that there is an answer.
async fn ledger_answers(vault: &Vault) -> bool {
    match GrantToken::mint(&*vault.random) {
        Ok(grant) => vault.ledger.task(&grant, vault.now()).await.is_ok(),
        Err(_) => false,
    }
}

/// The services whose keys cannot be had, under the names that the configuration has for them.
async fn keys(vault: &Vault) -> Vec<String> {
    let policy = vault.policy.load_full();
    let asking = policy.services().map(|service| async move {
        let asked = in_time(async { vault.keyring.has_secrets(service).await }).await;
        (!asked).then(|| format!("services.{}.secret", service.name))
    });
    join_all(asking).await.into_iter().flatten().collect()
}

async fn in_time(asked: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or(false)
}

/// Whoever asks for readiness waits a few seconds at most.
const PATIENCE: Duration = Duration::from_secs(2);
