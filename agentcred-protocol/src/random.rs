//! Fresh identifiers, which are public but never repeat.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::names::{CallId, NonceId};
use crate::token::NoRandomness;

/// 128 random bits as 22 base64url characters, for a `jti` (RFC 7519 section 4.1.7).
///
/// # Errors
/// When there is no randomness to be had.
pub fn fresh_id() -> Result<String, NoRandomness> {
    let mut bits = [0_u8; 16];
    rand::fill(&mut bits).map_err(|_| NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}

impl CallId {
    /// A new call id, for a call that the model gave none.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn fresh() -> Result<Self, NoRandomness> {
        Self::new(format!("call_{}", fresh_id()?)).map_err(|_| NoRandomness)
    }
}

impl NonceId {
    /// A new nonce id.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn fresh() -> Result<Self, NoRandomness> {
        Self::new(format!("nid_{}", fresh_id()?)).map_err(|_| NoRandomness)
    }
}
