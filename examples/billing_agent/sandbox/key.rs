//! The sandbox's real key: made at random, compared, never shown.

use std::io;

use aws_lc_rs::rand;
use axum::http::HeaderValue;

use super::refusal::Refusal;

/// The key that the sandbox accepts. It has no `Debug`, so no log line can show it.
#[derive(Clone)]
pub(crate) struct SandboxKey(String);

impl SandboxKey {
    /// A fresh key, different at every start.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub(crate) fn random() -> io::Result<Self> {
        let mut bytes = [0_u8; 16];
        rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gave no randomness"))?;
        Ok(Self(format!("sk_test_{:032x}", u128::from_be_bytes(bytes))))
    }

    /// The key itself, for the issuer's secret source and for nobody else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `authorization` is `Bearer` and one of these keys.
    pub(super) fn any_admits(
        keys: &[Self],
        authorization: Option<&HeaderValue>,
    ) -> Result<(), Refusal> {
        let given = authorization
            .ok_or_else(Refusal::no_key)?
            .as_bytes()
            .strip_prefix(b"Bearer ")
            .ok_or_else(Refusal::no_key)?;
        let is_known = keys.iter().any(|key| given == key.0.as_bytes());
        if is_known { Ok(()) } else { Err(Refusal::wrong_key()) }
    }
}
