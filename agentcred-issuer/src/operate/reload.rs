//! An operator's reload: the changed policy is taken, or the answer says what is wrong with it.

use http::StatusCode;
use serde::Serialize;

use super::routes::{OperatorError, json};
use super::{Operations, Operator};
use crate::reload::{ReloadError, Reloaded};
use crate::reply::Reply;

/// Has the policy read again.
pub(super) async fn reload(
    operations: &Operations,
    operator: &Operator,
) -> Result<Reply, OperatorError> {
    #[derive(Serialize)]
    struct Body {
        policy: String,
    }
    match operations.vault.reload(Some(&operator.name)).await {
        Ok(Reloaded { digest }) => Ok(json(&Body { policy: digest })),
        Err(ReloadError::Audit(_)) => Err(OperatorError::unavailable(
            "the reload cannot be recorded, so the policy from before stays in use",
        )),
        Err(error) => Err(OperatorError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "policy_refused",
            &error.to_string(),
        )),
    }
}
