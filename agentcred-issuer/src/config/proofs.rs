//! Checks what proofs must carry.

use std::path::Path;

use super::finding::{Findings, Key};
use super::raw::RawProofs;
use crate::secrets::SecretRef;

/// Whether a proof must carry a server nonce (RFC 9449 section 8), and by which key they are made.
#[derive(Debug)]
pub(crate) enum ServerNoncePolicy {
    /// It need not.
    Off,
    /// Each process draws a key, so no other process knows its server nonces.
    Drawn,
    /// Several issuers share a key.
    Shared(SecretRef),
}

pub(super) fn check(
    raw: RawProofs,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> ServerNoncePolicy {
    let at = |field| Key::root("proofs").field(field);
    match (raw.server_nonce.as_str(), raw.server_nonce_key) {
        ("required", None) => ServerNoncePolicy::Drawn,
        ("required", Some(text)) => match SecretRef::read(&text, folder) {
            Ok(reference) => ServerNoncePolicy::Shared(reference),
            Err(message) => {
                findings.error(&at("server_nonce_key"), message);
                ServerNoncePolicy::Drawn
            }
        },
        ("off", key) => {
            if key.is_some() {
                findings.error(&at("server_nonce_key"), "has no use while server_nonce is off");
            }
            findings.warning(
                &at("server_nonce"),
                "is off: proofs can be made in advance by whoever may use a key for a moment",
            );
            ServerNoncePolicy::Off
        }
        _ => {
            findings.error(&at("server_nonce"), "must be \"required\" or \"off\"");
            ServerNoncePolicy::Drawn
        }
    }
}
